// Tokens: who has which, new ones for programs and people, and taking them back.

import { call, query } from "./api.js";
import { ask } from "./ask.js";
import { copy } from "./clipboard.js";
import { button, element, fill } from "./element.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";

/** @typedef {import("../types/desk").IssuedToken} IssuedToken */

const ROLES = ["creator", "reviewer", "admin"];
const DAYS = [1, 7, 30, 90, 365];
const USUAL_DAYS = 30;

/**
 * @param {HTMLElement} main
 * @returns {() => void}
 */
export function tokensPage(main) {
  const leaving = new AbortController();
  const me = session.identity;
  const made = element("div", { role: "status" });
  const list = element("div", {}, element("p", {}, "Loading…"));
  const isAdmin = me?.role === "admin";
  const name = element("input", { id: "token-name", maxlength: 100, required: true, value: me?.name ?? "", readonly: !isAdmin, autocomplete: "off" });
  const roles = ROLES.slice(0, ROLES.indexOf(me?.role ?? "") + 1);
  const role = element("select", { id: "token-role" }, roles.map((role) => element("option", { selected: role === me?.role }, role)));
  const days = element("select", { id: "token-days" },
    DAYS.map((days) => element("option", { value: String(days), selected: days === USUAL_DAYS }, days === 1 ? "1 day" : `${days} days`)));

  /** @param {SubmitEvent} event */
  async function make(event) {
    event.preventDefault();
    const body = { name: name.value.trim(), role: role.value, days: Number(days.value) };
    const { token } = (await call("POST", "/v1/tokens", { body })).body;
    const text = element("input", { id: "new-token", readonly: true, value: token, spellcheck: "false" });
    fill(made, element("div", { class: "new-token" },
      element("label", { for: "new-token" }, "The new token. It's shown only now."), text,
      element("div", { class: "row" }, button("Copy token", () => copy(token, "Token"), { class: "primary" }), button("Done", () => fill(made), { class: "quiet" }))));
    text.select();
    await load();
  }

  async function load() {
    /** @type {IssuedToken[]} */
    const tokens = [];
    /** @type {string | null} */
    let cursor = null;
    const show = async () => {
      const { body } = await call("GET", `/v1/tokens?${query({ limit: 100, cursor })}`, { signal: leaving.signal });
      tokens.push(...body.tokens);
      cursor = body.next_cursor;
      fill(list, table(tokens), cursor && button("Show more", () => show().catch(failed)));
    };
    await show();
  }

  /** @param {IssuedToken[]} tokens */
  function table(tokens) {
    if (tokens.length === 0) return element("p", {}, "There are no tokens.");
    return element("div", { class: "tokens-list", tabindex: 0, role: "region", "aria-label": "Tokens" }, element("table", {},
      element("thead", {}, element("tr", {}, ["Name", "Role", "Made", "State", "Action"].map((term) => element("th", { scope: "col" }, term)))),
      element("tbody", {}, tokens.map(row))));
  }

  /** @param {IssuedToken} token */
  function row(token) {
    const isOver = new Date(token.expires_at).getTime() <= Date.now();
    const state = token.revoked_at ? ["revoked ", timeAgo(token.revoked_at)]
      : isOver ? ["expired ", timeAgo(token.expires_at)] : [`good until ${new Date(token.expires_at).toLocaleString()}`];
    return element("tr", {},
      element("td", {}, element("bdi", {}, token.name), token.id === me?.token_id && element("small", {}, " this session")),
      element("td", {}, token.role),
      element("td", {}, timeAgo(token.issued_at)),
      element("td", {}, state),
      element("td", {}, !token.revoked_at && !isOver
        ? button("Revoke", () => revoke(token).catch(failed), { class: "quiet", "aria-label": `Revoke ${token.name}'s ${token.role} token` }) : null));
  }

  /** @param {IssuedToken} token */
  async function revoke(token) {
    const isOwn = token.id === me?.token_id;
    const title = isOwn ? "Revoke the token of this session? It signs you out."
      : `Revoke ${token.name}'s ${token.role} token? Whoever uses it is refused at once.`;
    if ((await ask({ title, action: "Revoke" })) === null) return;
    await call("DELETE", `/v1/tokens/${token.id}`);
    notice(`Revoked ${token.name}'s token.`);
    await load();
  }

  fill(main,
    element("h1", {}, "Tokens"),
    element("p", {}, "A token lets a program or a person use Easel in your name. Whoever has it can do what its role allows."),
    element("form", { class: "row tokens", onsubmit: (/** @type {SubmitEvent} */ event) => { make(event).catch(failed); } },
      element("div", {}, element("label", { for: "token-name" }, "Name"), name),
      element("div", {}, element("label", { for: "token-role" }, "Role"), role),
      element("div", {}, element("label", { for: "token-days" }, "Good for"), days),
      element("button", { class: "primary" }, "Create token")),
    made, list);
  load().catch((error) => {
    if (leaving.signal.aborted) return;
    fill(list, element("p", { role: "alert" }, error instanceof Error ? error.message : String(error)));
  });
  return () => leaving.abort();
}
