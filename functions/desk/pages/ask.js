// A dialog that asks for text, such as a reason, or only for confirmation.

import { button, element } from "./element.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} [label] What the text is; without it, only confirmation is asked for.
 * @property {string} action
 * @property {boolean} [required]
 * @property {string[]} [quick] Texts to choose from.
 * @property {number} [most] Most characters.
 * @property {string} [also] What a box to tick says; the text is `also` if it is ticked.
 */

/**
 * The text, or null if the dialog was cancelled.
 * @param {Question} question
 * @returns {Promise<string | null>}
 */
export function ask({ title, label, action, required = false, quick = [], most = 2000, also }) {
  const text = element("textarea", { id: "answer", rows: 3, maxlength: most, required });
  /** @param {string} chosen */
  const choose = (chosen) => {
    text.value = text.value.trim() ? `${text.value.trim()}; ${chosen.toLowerCase()}` : chosen;
    text.setCustomValidity("");
    text.focus();
  };
  const box = element("input", { type: "checkbox" });
  const confirm = element("button", { value: "yes", class: "primary" }, action);
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: "ask-title" }, title),
    quick.length > 0 && element("div", { class: "quick", role: "group", "aria-label": "Quick reasons" },
      quick.map((reason) => button(reason, () => choose(reason), { class: "chip" }))),
    label && [element("label", { for: "answer" }, label), text],
    also && element("label", { class: "check" }, box, also),
    element("div", { class: "row" },
      confirm,
      button("Cancel", () => dialog.close(""), { class: "quiet" })),
  );
  // Enter starts a new line; Ctrl+Enter sends.
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(confirm);
  });
  const dialog = element("dialog", { "aria-labelledby": "ask-title" }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? (box.checked ? "also" : text.value.trim()) : null);
    });
    // White space is not a reason.
    form.addEventListener("submit", (event) => {
      if (required && !text.value.trim()) {
        event.preventDefault();
        text.setCustomValidity("Please give a reason, so the next attempt can improve.");
        text.reportValidity();
      }
    });
    text.addEventListener("input", () => text.setCustomValidity(""));
    dialog.showModal();
    if (label) text.focus();
  });
}
