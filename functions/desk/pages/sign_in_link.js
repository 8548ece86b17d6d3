// The link that signs in on one machine. Its code is good once and for minutes, and is exchanged for a token.

import { at } from "./address.js";
import { ask } from "./ask.js";
import { session } from "./session.js";

/** @param {string} text An address with a code, or something else. */
const codeIn = (text) => /#code=([0-9a-f]+)$/i.exec(text)?.[1];

/**
 * Whether links sign in at the service.
 * @param {import("../types/desk").Configuration["sign_in"]} sign_in
 */
export const takesLinks = (sign_in) => sign_in.kind === "link" || sign_in.links;

/** Whether this page was opened with a link that signs in. */
export const hasLink = () => codeIn(location.hash) !== undefined;

/**
 * Signs in with the link that this page was opened with. Whoever is signed in already is asked first, because a link from
 * somebody else would make their work the other's.
 */
export async function followLink() {
  const code = codeIn(location.hash);
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  const question = { title: "You are signed in already. Sign in as the person that the link is for?", action: "Sign in" };
  if (session.token && (await ask(question)) === null) return;
  await exchange(code);
}

/**
 * Signs in with what somebody typed: a link or a token.
 * @param {string} given
 */
export async function signInWith(given) {
  const code = codeIn(given);
  if (code) await exchange(code);
  else session.begin(given);
}

/** @param {string} code */
async function exchange(code) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(at("/v1/sign-in"), { method: "POST", headers, body: JSON.stringify({ code }), cache: "no-store" });
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.detail ?? `the service responded with ${response.status}`);
  session.begin(content.token);
}
