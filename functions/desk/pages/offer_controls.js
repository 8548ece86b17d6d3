// Controls for what the service offers by name. Each is there, and seen only where there is something to choose.

import { button, element, fill } from "./element.js";
import { field, numberFrom, numberInput, select } from "./setting_controls.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {import("./request_schema.js").Schema} Schema */
/** @typedef {import("./settings_form.js").Part} Part */
/** @typedef {{name: string}[]} Names */

/** What one row has, from the left. @typedef {{name: string, weight?: number}} Entry */

/**
 * The model that draws.
 * @param {Setting} setting
 * @param {Names} models The first one draws unless another is chosen.
 * @returns {Part}
 */
export function modelPart(setting, models) {
  const first = models[0]?.name;
  const input = select("model", [["", first ? `Default (${first})` : "Default"],
    ...models.slice(1).map(({ name }) => /** @type {[string, string]} */ ([name, name]))], { title: setting.schema.description });
  const node = field("Model", input);
  const show = () => (node.hidden = models.length < 2 && !input.value);
  show();
  return {
    node,
    read: () => ({ model: input.value || undefined }),
    write: ({ model }) => {
      const known = [...input.options].some((option) => option.value === model);
      // A task may name one that is not offered any more, or the first one by its name.
      if (model && !known) input.append(element("option", { value: model }, model));
      input.value = model ?? "";
      show();
    },
  };
}

/**
 * LoRAs, each with its weight.
 * @param {Setting} setting
 * @param {Names} loras
 * @returns {Part}
 */
export function lorasPart(setting, loras) {
  const weight = setting.schema.items?.properties?.weight ?? {};
  const rows = nameRows({ setting, offered: loras, label: "LoRAs", one: "LoRA", weight });
  return {
    node: rows.node,
    read: () => ({ loras: rows.read() }),
    write: (values) => rows.write(values.loras ?? []),
  };
}

/**
 * Embeddings, whose words the prompt may use.
 * @param {Setting} setting
 * @param {Names} embeddings
 * @returns {Part}
 */
export function embeddingsPart(setting, embeddings) {
  const hint = "Write its name in the prompt or the negative prompt";
  const rows = nameRows({ setting, offered: embeddings, label: "Embeddings", one: "Embedding", hint });
  return {
    node: rows.node,
    read: () => ({ embeddings: rows.read()?.map(({ name }) => name) }),
    write: (values) => rows.write((values.embeddings ?? []).map((/** @type {string} */ name) => ({ name }))),
  };
}

/** What needs no file of the service's. */
export const LANCZOS = "lanczos";

/**
 * What enlarges the images.
 * @param {Setting} setting
 * @param {Setting} factor
 * @param {Names} upscalers
 * @returns {Part}
 */
export function upscalerPart(setting, factor, upscalers) {
  const input = select("upscaler", [["", "Not enlarged"], ...upscalers.map(({ name }) => /** @type {[string, string]} */ ([name, name])), [LANCZOS, "Lanczos"]],
    { title: setting.schema.description });
  const times = numberInput("upscale", { ...factor.schema, default: 2 }, { step: 0.5, title: factor.schema.description });
  const by = field("Factor", times);
  const show = () => (by.hidden = !input.value);
  input.addEventListener("change", show);
  show();
  return {
    node: element("div", { class: "fields" }, field("Enlarge with", input), by),
    read: () => ({ upscaler: input.value || undefined, upscale: input.value ? numberFrom(times.value) : undefined }),
    write: ({ upscaler, upscale }) => {
      const known = [...input.options].some((option) => option.value === upscaler);
      if (upscaler && !known) input.append(element("option", { value: upscaler }, upscaler));
      [input.value, times.value] = [upscaler ?? "", String(upscale ?? "")];
      show();
    },
  };
}

/**
 * A list of names that people choose from, or type.
 * @param {{setting: Setting, offered: Names, label: string, one: string, hint?: string, weight?: Schema}} options
 */
function nameRows({ setting, offered, label, one, hint, weight }) {
  const { name: id, schema } = setting;
  const names = element("datalist", { id: `${id}-names` }, offered.map(({ name }) => element("option", { value: name })));
  const rows = element("div", { class: "map" });
  /** @param {Partial<Entry>} entry */
  const row = ({ name = "", weight: given }) => {
    const number = rows.childElementCount + 1;
    const chosen = element("input", {
      value: name, list: names.id, required: true, maxlength: 100, dir: "auto", autocomplete: "off", spellcheck: "false",
      "aria-label": `${one} ${number}`, placeholder: "Name",
    });
    const factor = weight && numberInput("", { ...weight, default: 1 }, {
      id: null, class: "weight", value: String(given ?? 1), step: 0.05, "aria-label": `Weight of ${one} ${number}`,
    });
    const made = element("div", { class: "row" }, chosen, factor, button("Remove", () => {
      made.remove();
      update();
      add.focus();
      rows.dispatchEvent(new Event("input", { bubbles: true }));
    }, { class: "quiet", "aria-label": `Remove ${one} ${number}` }));
    return made;
  };
  const add = button(`Add ${one}`, () => {
    const made = row({});
    rows.append(made);
    update();
    made.querySelector("input")?.focus();
  }, { id, title: schema.description });
  const node = element("fieldset", { class: "field" }, element("legend", {}, label), rows, names, add, hint && element("small", {}, hint));
  const update = () => {
    node.hidden = offered.length === 0 && rows.childElementCount === 0;
    add.disabled = rows.childElementCount >= (schema.maxItems ?? Infinity);
  };
  update();
  return {
    node,
    /** @returns {Entry[] | undefined} */
    read() {
      const entries = [...rows.children].map((made) => {
        const [name, factor] = made.querySelectorAll("input");
        return weight ? { name: name.value.trim(), weight: numberFrom(factor.value) ?? 1 } : { name: name.value.trim() };
      });
      const named = entries.filter(({ name }) => name);
      return named.length > 0 ? named : undefined;
    },
    /** @param {Entry[]} entries */
    write(entries) {
      fill(rows);
      for (const entry of entries) rows.append(row(entry));
      update();
    },
  };
}
