// Asks a person: for words, such as a reason, or only whether they are sure.

import { button, element } from "./element.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} [label] What the words are; without it, none are asked for.
 * @property {string} action
 * @property {boolean} [required]
 * @property {string[]} [quick] Words that are often the answer.
 */

/**
 * The words, or null if the person thought better of it.
 * @param {Question} question
 * @returns {Promise<string | null>}
 */
export function ask({ title, label, action, required = false, quick = [] }) {
  const words = element("textarea", { id: "words", rows: 3, maxlength: 2000, required });
  /** @param {string} text */
  const choose = (text) => {
    words.value = words.value.trim() ? `${words.value.trim()}; ${text.toLowerCase()}` : text;
    words.focus();
  };
  const yes = element("button", { value: "yes", class: "primary" }, action);
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: "ask-title" }, title),
    quick.length > 0 && element("div", { class: "quick", role: "group", "aria-label": "Quick reasons" },
      quick.map((text) => button(text, () => choose(text), { class: "chip" }))),
    label && [element("label", { for: "words" }, label), words],
    element("div", { class: "row" },
      yes,
      button("Back", () => dialog.close(""), { class: "quiet" })),
  );
  // What people write in a text field ends in a new line often enough; Ctrl+Enter sends.
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(yes);
  });
  const dialog = element("dialog", { "aria-labelledby": "ask-title" }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? words.value.trim() : null);
    });
    // Blanks are no reason.
    form.addEventListener("submit", (event) => {
      if (required && !words.value.trim()) {
        event.preventDefault();
        words.setCustomValidity("Say why, so that the next attempt can be better.");
        words.reportValidity();
      }
    });
    words.addEventListener("input", () => words.setCustomValidity(""));
    dialog.showModal();
    if (label) words.focus();
  });
}
