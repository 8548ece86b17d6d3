// Single-key shortcuts. They can be turned off, because speech input and stray touches trigger them, too.

import { button, element } from "./element.js";

const OFF = "easel.keys.off";

/**
 * @typedef {object} Key
 * @property {string[]} keys As `KeyboardEvent.key` names them.
 * @property {string} does
 * @property {(key: string) => void} [action] Without one, the key is only listed: the browser or a field acts on it.
 * @property {string} [shown] What represents the keys in the list of shortcuts.
 */

/** Lead from every page to another. @type {Key[]} */
const EVERYWHERE = [["R", "review"], ["C", "create"], ["L", "library"], ["S", "system"]].map(([key, page]) => ({
  keys: [key], shown: `Shift+${key}`, does: `Go to ${page.charAt(0).toUpperCase()}${page.slice(1)}`,
  action: () => /** @type {HTMLElement | null} */ (document.querySelector(`#pages a[href="#/${page}"]`))?.click(),
}));

/** The shortcuts of the page in view. @type {Key[]} */
let current = [];

/** @param {KeyboardEvent} event */
function listen(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  if (event.key === "?") {
    event.preventDefault();
    showKeys();
    return;
  }
  const key = [...current, ...EVERYWHERE].find((key) => key.action && key.keys.includes(event.key));
  if (!key || localStorage.getItem(OFF)) return;
  event.preventDefault();
  // A key that is held down decides once.
  if (event.repeat) return;
  key.action?.(event.key);
}

/**
 * Makes these the shortcuts of the page in view, until the returned function is called.
 * @param {Key[]} keys
 */
export function listenForKeys(keys) {
  current = keys;
  return () => {
    if (current === keys) current = [];
  };
}

/** Listens on every page. `?` lists the shortcuts. */
export function startKeys() {
  document.addEventListener("keydown", listen);
}

/** Lists the shortcuts of the page in view, and those of every page. */
export function showKeys() {
  const on = element("input", { type: "checkbox", id: "keys-on", checked: !localStorage.getItem(OFF) });
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  const dialog = element(
    "dialog",
    { "aria-labelledby": "keys-title" },
    element("h2", { id: "keys-title" }, "Keyboard shortcuts"),
    element("dl", { class: "keys" }, [...current, ...EVERYWHERE].map(({ keys, shown, does }) =>
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
