// Single-key shortcuts. They can be turned off, because speech input and stray touches trigger them, too.

import { button, element } from "./element.js";

const OFF = "easel.keys.off";

/**
 * @typedef {object} Key
 * @property {string[]} keys As `KeyboardEvent.key` names them.
 * @property {string} does
 * @property {(key: string) => void} action
 * @property {string} [shown] What represents the keys in the list of shortcuts.
 */

/**
 * Listens until the returned function is called. `?` lists the shortcuts.
 * @param {Key[]} keys
 */
export function listenForKeys(keys) {
  /** @param {KeyboardEvent} event */
  const listen = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys(keys);
      return;
    }
    const key = keys.find((key) => key.keys.includes(event.key));
    if (!key || localStorage.getItem(OFF)) return;
    event.preventDefault();
    // A key that is held down decides once.
    if (event.repeat) return;
    key.action(event.key);
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}

/** @param {Key[]} keys */
export function showKeys(keys) {
  const on = element("input", { type: "checkbox", id: "keys-on", checked: !localStorage.getItem(OFF) });
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  const dialog = element(
    "dialog",
    { "aria-labelledby": "keys-title" },
    element("h2", { id: "keys-title" }, "Keyboard shortcuts"),
    element("dl", { class: "keys" }, keys.map(({ keys, shown, does }) =>
      element("div", {}, element("dt", {}, (shown ? [shown] : keys).map((key) => element("kbd", {}, KEY_NAMES[key] ?? key))), element("dd", {}, does)))),
    element("p", {}, on, element("label", { for: "keys-on" }, "Enable single-key shortcuts")),
    button("Close", () => dialog.close(), { class: "primary" }),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @type {Record<string, string>} */
const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→" };
