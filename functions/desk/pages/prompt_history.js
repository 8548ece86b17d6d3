// The prompts that a person has used in this browser, the latest first, to be used again.

import { button, element, fill } from "./element.js";
import { session } from "./session.js";

/** @typedef {{prompt: string, negative_prompt?: string}} Used */

const MOST = 100;

const key = () => `easel.prompts.${session.identity?.name ?? ""}`;

/** @returns {Used[]} */
export function usedPrompts() {
  try {
    return JSON.parse(localStorage.getItem(key()) ?? "[]");
  } catch {
    return [];
  }
}

/** The list with a prompt at its beginning. @param {Used[]} list @param {Used} used @returns {Used[]} */
export const withPrompt = (list, { prompt, negative_prompt }) =>
  [{ prompt, negative_prompt }, ...list.filter((other) => other.prompt !== prompt || other.negative_prompt !== negative_prompt)].slice(0, MOST);

/** @param {Record<string, any>} values */
export function rememberPrompt({ prompt, negative_prompt }) {
  if (prompt) localStorage.setItem(key(), JSON.stringify(withPrompt(usedPrompts(), { prompt, negative_prompt })));
}

/** Lists them; `use` gets the one that is chosen. @param {(used: Used) => void} use */
export function showPrompts(use) {
  const list = element("ol", { class: "prompts" });
  const forget = button("Forget all", () => {
    localStorage.removeItem(key());
    draw();
  }, { class: "quiet" });
  const dialog = element("dialog", { "aria-labelledby": "prompts-title" }, element("h2", { id: "prompts-title" }, "Prompt history"),
    element("p", { class: "hint" }, `The last ${MOST} prompts, kept in this browser only.`), list,
    element("div", { class: "row" }, button("Close", () => dialog.close(), { class: "primary" }), forget));
  function draw() {
    const used = usedPrompts();
    forget.hidden = used.length === 0;
    fill(list, used.length === 0 ? element("li", { class: "empty" }, "No prompts yet.") : used.map((one) => element("li", {},
      element("button", { type: "button", class: "quiet", onclick: () => {
        dialog.close();
        use(one);
      } }, element("span", { dir: "auto" }, one.prompt), one.negative_prompt && element("small", { dir: "auto" }, ` Not: ${one.negative_prompt}`)))));
  }
  draw();
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
