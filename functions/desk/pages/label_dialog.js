// Asks for other titles and tags.

import { call } from "./api.js";
import { button, element } from "./element.js";
import { session } from "./session.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

/** Whether the person may change the labels of a task. @param {ListedTask} task */
export const mayLabel = (task) => task.status !== "deleted" && (session.reviews || task.owner === session.identity?.name);

/** @param {string} text */
export const tagsOf = (text) => [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];

/**
 * Asks for a task's title and tags and sends them; the task afterwards, or null if the dialog was cancelled.
 * @param {ListedTask} task
 * @returns {Promise<import("../types/desk").Task | null>}
 */
export async function labelTask(task) {
  const title = element("input", { id: "label-title", value: task.title ?? "", maxlength: 200, dir: "auto", autocomplete: "off" });
  const tags = element("input", { id: "label-tags", value: task.tags.join(", "), maxlength: 1100, dir: "auto", autocomplete: "off", placeholder: "Comma-separated" });
  const said = await formDialog("Title and tags", "Save", [["Title", title], ["Tags", tags]]);
  if (!said) return null;
  const body = { title: title.value.trim() || null, tags: tagsOf(tags.value) };
  return (await call("PATCH", `/v1/tasks/${task.id}`, { body, headers: { "if-match": `"${task.version}"` } })).body;
}

/**
 * Tags to add and to remove; null if the dialog was cancelled.
 * @param {string} title
 * @returns {Promise<{add_tags: string[], remove_tags: string[]} | null>}
 */
export async function askForTags(title) {
  const add = element("input", { id: "add-tags", maxlength: 1100, dir: "auto", autocomplete: "off", placeholder: "Comma-separated" });
  const remove = element("input", { id: "remove-tags", maxlength: 1100, dir: "auto", autocomplete: "off", placeholder: "Comma-separated" });
  const said = await formDialog(title, "Change tags", [["Add", add], ["Remove", remove]]);
  return said ? { add_tags: tagsOf(add.value), remove_tags: tagsOf(remove.value) } : null;
}

/**
 * A dialog with fields; whether it was confirmed.
 * @param {string} title
 * @param {string} action
 * @param {[string, HTMLElement][]} fields
 * @returns {Promise<boolean>}
 */
export function formDialog(title, action, fields) {
  const form = element("form", { method: "dialog" }, element("h2", { id: "form-title" }, title),
    ...fields.flatMap(([label, input]) => [element("label", { for: input.id }, label), input]),
    element("div", { class: "row" }, element("button", { value: "yes", class: "primary" }, action),
      button("Cancel", () => dialog.close(""), { class: "quiet" })));
  const dialog = element("dialog", { "aria-labelledby": "form-title" }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
