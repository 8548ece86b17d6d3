// Styles above the form: applied to it, saved from it.

import { call } from "./api.js";
import { button, element, fill } from "./element.js";
import { formDialog } from "./label_dialog.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";
import { withStyle } from "./style_words.js";

/** @typedef {import("../types/desk").SavedStyle} SavedStyle */
/** @typedef {Record<string, any>} Values */

/** What is of one image alone, or says nothing of how it looks. */
const OWN = new Set(["prompt", "negative_prompt", "seed", "init_image", "title", "tags", "metadata", "count"]);

/**
 * The controls of styles above a form.
 * @param {{read: () => Values, write: (values: Values) => void}} form
 * @param {() => void} changed Called after a style was applied.
 */
export function stylePart(form, changed) {
  /** @type {SavedStyle[]} */
  let styles = [];
  const choice = element("select", { id: "style", onchange: () => draw() });
  const apply = button("Apply", () => {
    const style = chosen();
    if (!style) return;
    form.write(withStyle(form.read(), style));
    notice(`The style “${style.name}” is in the form.`);
    changed();
  });
  const save = button("Save as style…", () => void keep().catch(failed), { class: "quiet" });
  const remove = button("Remove style", () => void discard().catch(failed), { class: "quiet" });
  const words = element("small", { class: "hint", dir: "auto" });
  const node = element("div", { class: "field styles" }, element("label", { for: "style" }, "Style"),
    element("div", { class: "row" }, choice, apply, save, remove), words);

  const chosen = () => styles.find((style) => `${style.shared} ${style.name}` === choice.value);

  function draw() {
    const style = chosen();
    apply.disabled = !style;
    remove.hidden = !style || !(style.owner === session.identity?.name || (style.shared && session.reviews));
    words.textContent = [style?.prompt, style?.negative_prompt && `Negative: ${style.negative_prompt}`].filter(Boolean).join(" · ");
  }

  async function load(selected = "") {
    styles = (await call("GET", "/v1/styles")).body.styles;
    fill(choice, element("option", { value: "" }, styles.length > 0 ? "None" : "No styles yet"), styles.map((style) => {
      const value = `${style.shared} ${style.name}`;
      return element("option", { value, selected: value === selected }, style.shared ? `${style.name} (house style)` : style.name);
    }));
    draw();
  }

  async function keep() {
    const now = form.read();
    const name = element("input", { id: "style-name", maxlength: 100, dir: "auto", autocomplete: "off", required: true });
    const prompt = element("textarea", { id: "style-prompt", rows: 2, maxlength: 1000, dir: "auto", value: "{prompt}, " });
    const negative = element("textarea", { id: "style-negative", rows: 2, maxlength: 1000, dir: "auto", value: now.negative_prompt ?? "" });
    const settings = Object.fromEntries(Object.entries(now).filter(([name, value]) => !OWN.has(name) && value !== undefined && value !== null));
    const withSettings = element("input", { id: "style-settings", type: "checkbox", checked: Object.keys(settings).length > 0 });
    const shared = element("input", { id: "style-shared", type: "checkbox" });
    /** @type {[string, HTMLElement][]} */
    const fields = [["Name", name], ["Prompt, where {prompt} stands for what one asks for", prompt], ["Negative prompt", negative],
      ["With the settings of the form", withSettings]];
    if (session.reviews) fields.push(["A house style, for everybody", shared]);
    if (!(await formDialog("Save a style", "Save", fields)) || !name.value.trim()) return;
    const body = {
      prompt: prompt.value.trim().replace(/^\{prompt\},?$/, "") || null, negative_prompt: negative.value.trim() || null,
      settings: withSettings.checked ? settings : {}, shared: shared.checked,
    };
    const made = (await call("PUT", `/v1/styles/${encodeURIComponent(name.value.trim())}`, { body })).body;
    notice(`Saved the style “${made.name}”.`);
    await load(`${made.shared} ${made.name}`);
  }

  async function discard() {
    const style = chosen();
    if (!style) return;
    await call("DELETE", `/v1/styles/${encodeURIComponent(style.name)}`);
    notice(`Removed the style “${style.name}”.`);
    await load();
  }

  draw();
  load().catch(() => {});
  return node;
}
