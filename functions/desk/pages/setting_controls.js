// Controls for settings, each made from its schema.

import { button, element, fill } from "./element.js";
import { labelOf } from "./words.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {import("./request_schema.js").Schema} Schema */

/**
 * @typedef {object} Control
 * @property {HTMLElement} node
 * @property {() => any} read The value; undefined leaves it to the service.
 * @property {(value: any) => void} write
 */

/**
 * What a hand-made control changes.
 * @typedef {object} Options
 * @property {Record<string, string>} [names] Names of choices for people.
 * @property {Record<string, any>} [properties] Properties of the input.
 */

const DEFAULT = "Model default";

/**
 * The control of a setting: a labelled field, or a group of them.
 * @param {Setting} setting
 * @param {Options & {label?: string, hint?: string}} [options]
 * @returns {Control}
 */
export function settingControl(setting, { label = labelOf(setting.name), hint, ...options } = {}) {
  if (setting.kind === "numbers") return numbers(setting, label, hint);
  if (setting.kind === "map") return map(setting, label, hint);
  const { input, read, write } = KINDS[setting.kind](setting, options);
  return { node: field(label, input, hint), read, write };
}

/**
 * A label, its input and what explains it.
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  const id = hint ? `${input.id}-hint` : null;
  if (id) input.setAttribute("aria-describedby", id);
  return element("div", { class: "field" }, element("label", { for: input.id }, label), input, hint && element("small", { id }, hint));
}

/**
 * @param {string} label
 * @param {string | undefined} hint
 * @param {...(HTMLElement | HTMLElement[])} children
 */
const group = (label, hint, ...children) =>
  element("fieldset", { class: "field" }, element("legend", {}, label), ...children, hint && element("small", {}, hint));

/**
 * @param {string} id
 * @param {Schema} schema
 * @param {Record<string, any>} [properties]
 */
export const numberInput = (id, { minimum, maximum, multipleOf, default: preset }, properties) => element("input", {
  type: "number", id, min: minimum, max: maximum, step: multipleOf ?? "any",
  placeholder: preset === undefined ? DEFAULT : String(preset), ...properties,
});

/** @param {string} text */
export const numberFrom = (text) => (text === "" ? undefined : Number(text));

/**
 * @param {string} id
 * @param {[string, string][]} options
 * @param {Record<string, any>} [properties]
 */
export const select = (id, options, properties) =>
  element("select", { id, ...properties }, options.map(([value, name]) => element("option", { value }, name)));

/** @type {Record<string, (setting: Setting, options: Options) => {input: HTMLElement, read: () => any, write: (value: any) => void}>} */
const KINDS = {
  boolean: ({ name, schema }, { properties }) => {
    const preset = schema.default === undefined ? DEFAULT : `Default (${schema.default ? "on" : "off"})`;
    const input = select(name, [["", preset], ["true", "On"], ["false", "Off"]], properties);
    return {
      input,
      read: () => (input.value ? input.value === "true" : undefined),
      write: (value) => (input.value = String(value ?? "")),
    };
  },

  choice: ({ name, schema }, { names = {}, properties }) => {
    const nameOf = (/** @type {string} */ value) => names[value] ?? labelOf(value);
    const preset = schema.default === undefined ? DEFAULT : `Default (${nameOf(String(schema.default))})`;
    /** @type {[string, string][]} */
    const choices = (schema.enum ?? schema.examples ?? []).filter((value) => value !== null).map((value) => [value, nameOf(value)]);
    const input = select(name, [["", preset], ...choices], properties);
    /** @param {any} value */
    const write = (value) => {
      // Where only examples are listed, another value is as good.
      const isListed = [...input.options].some((option) => option.value === (value ?? ""));
      if (!isListed && schema.examples) input.append(element("option", { value }, nameOf(value)));
      input.value = value ?? "";
    };
    return { input, read: () => input.value || undefined, write };
  },

  integer: (setting, options) => number({ ...setting, schema: { multipleOf: 1, ...setting.schema } }, options),
  number,

  text: ({ name, schema, required }, { properties }) => {
    const { minLength, maxLength } = schema;
    const limits = { id: name, maxlength: maxLength, minlength: minLength, required, dir: "auto", autocomplete: "off", ...properties };
    const input = maxLength && maxLength > 500 ? element("textarea", { rows: 2, ...limits }) : element("input", limits);
    return { input, read: () => input.value || undefined, write: (value) => (input.value = value ?? "") };
  },

  list: ({ name }, { properties }) => {
    const input = element("input", { id: name, dir: "auto", autocomplete: "off", placeholder: "Comma-separated", ...properties });
    return {
      input,
      read: () => {
        const items = input.value.split(",").map((item) => item.trim()).filter(Boolean);
        return items.length > 0 ? items : undefined;
      },
      write: (value) => (input.value = value?.join(", ") ?? ""),
    };
  },

  // Whatever has no control of its own.
  json: ({ name }) => {
    const input = element("input", { id: name, autocomplete: "off", spellcheck: "false", placeholder: "JSON" });
    const check = () => {
      try {
        if (input.value) JSON.parse(input.value);
        input.setCustomValidity("");
      } catch {
        input.setCustomValidity("Enter a JSON value, such as 0.5, \"text\" or [1, 2].");
      }
    };
    input.addEventListener("input", check);
    return {
      input,
      read: () => (input.value && input.validity.valid ? JSON.parse(input.value) : undefined),
      write: (value) => {
        input.value = value === undefined || value === null ? "" : JSON.stringify(value);
        check();
      },
    };
  },
};

/** @param {Setting} setting @param {Options} options */
function number({ name, schema }, { properties }) {
  const input = numberInput(name, schema, properties);
  return { input, read: () => numberFrom(input.value), write: (/** @type {any} */ value) => (input.value = String(value ?? "")) };
}

/**
 * Several numbers that belong together, such as the ends of an interval: all of them or none.
 * @param {Setting} setting
 * @param {string} label
 * @param {string} [hint]
 * @returns {Control}
 */
function numbers({ name, schema }, label, hint) {
  const items = schema.items ?? {};
  const limits = items.type === "integer" ? { multipleOf: 1, ...items } : items;
  const inputs = Array.from({ length: schema.maxItems ?? 0 }, (_, index) => {
    const input = numberInput(index === 0 ? name : `${name}-${index + 1}`, limits, { "aria-label": `${label} ${index + 1}` });
    input.addEventListener("input", () => {
      const some = inputs.some((other) => other.value !== "");
      for (const other of inputs) other.required = some;
    });
    return input;
  });
  return {
    node: group(label, hint, element("div", { class: "row" }, inputs)),
    read: () => (inputs.every((input) => input.value !== "") ? inputs.map((input) => Number(input.value)) : undefined),
    write: (value) => inputs.forEach((input, index) => {
      input.value = String(value?.[index] ?? "");
      input.required = Boolean(value);
    }),
  };
}

/**
 * Names and values of the client's own.
 * @param {Setting} setting
 * @param {string} label
 * @param {string} [hint]
 * @returns {Control}
 */
function map({ name, schema }, label, hint) {
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  const rows = element("div", { class: "map" });
  /** @param {string} [key] @param {string} [value] */
  const row = (key = "", value = "") => {
    const number = rows.childElementCount + 1;
    /** @param {string} what @param {string} text @param {number} [maxlength] */
    const input = (what, text, maxlength) => element("input", {
      value: text, maxlength, "aria-label": `${label}: ${what} ${number}`, placeholder: what, dir: "auto", autocomplete: "off",
    });
    const made = element("div", { class: "row" }, input("name", key), input("value", value, values.maxLength),
      button("Remove", () => made.remove(), { class: "quiet" }));
    return made;
  };
  return {
    node: group(label, hint, rows, button("Add", () => {
      const made = row();
      rows.append(made);
      made.querySelector("input")?.focus();
    }, { id: name, "aria-label": `${label}: add` })),
    read: () => {
      const pairs = [...rows.children].map((made) => [...made.querySelectorAll("input")].map((input) => input.value.trim()));
      const named = pairs.filter(([key]) => key);
      return named.length > 0 ? Object.fromEntries(named) : undefined;
    },
    write: (value) => {
      fill(rows);
      for (const [key, text] of Object.entries(value ?? {})) rows.append(row(key, String(text)));
    },
  };
}
