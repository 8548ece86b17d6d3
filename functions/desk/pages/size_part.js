// The size of an image: the model's own, one that suits it, by its proportions, or any other.

import { button, element, fill } from "./element.js";
import { field, numberFrom, numberInput } from "./setting_controls.js";
import { sizesFor, swapped } from "./sizes.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {import("../types/desk").ModelDefaults} ModelDefaults */

const SIDE = 1024;
const CUSTOM = "custom";

/**
 * @param {Setting} width
 * @param {Setting} height
 */
export function sizePart(width, height) {
  /** @type {ModelDefaults | null} */
  let defaults = null;
  let startsFromImage = false;
  /** A ratio, custom, or nothing for the model's own. */
  let chosen = "";
  const [wide, high] = [width, height].map(({ name, schema }) => numberInput(name, schema));
  const custom = element("div", { class: "fields" }, field("Width", wide), field("Height", high));
  const choices = element("div", { class: "row chips" });
  const hint = element("small", { role: "status" });
  const node = element("fieldset", { class: "field" }, element("legend", {}, "Size"), choices, hint, custom);

  const sizes = () => {
    const all = sizesFor(defaults?.width ?? SIDE);
    return [...all, ...all.slice(1).map(swapped)];
  };
  const named = (/** @type {string} */ ratio) => sizes().find((size) => size.ratio === ratio);

  /** @param {string} now */
  function choose(now) {
    if (now === CUSTOM && chosen !== CUSTOM) {
      const size = named(chosen) ?? defaults;
      if (size) [wide.value, high.value] = [String(size.width), String(size.height)];
    }
    chosen = now;
    draw();
    node.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function swap() {
    if (chosen === CUSTOM) [wide.value, high.value] = [high.value, wide.value];
    else if (chosen) chosen = chosen.split(":").reverse().join(":");
    choose(chosen);
  }

  function draw() {
    const focused = document.activeElement instanceof HTMLElement && choices.contains(document.activeElement) ? document.activeElement.dataset.size : null;
    /** @param {string} value @param {string} text */
    const chip = (value, text) => button(text, () => choose(value), { class: "chip", "aria-pressed": String(chosen === value), "data-size": value });
    const ours = defaults && !startsFromImage ? ` (${defaults.width} × ${defaults.height})` : "";
    const isTall = chosen !== CUSTOM && chosen !== "" && sizes().findIndex(({ ratio }) => ratio === chosen) > 4;
    fill(choices, chip("", startsFromImage ? "The starting image's" : `Model default${ours}`),
      sizesFor(SIDE).map((size) => (isTall ? swapped(size) : size)).map(({ ratio }) => chip(ratio, ratio)),
      chip(CUSTOM, "Custom…"), button("Swap", swap, { class: "chip", disabled: chosen === "" || chosen === "1:1", "data-size": "swap", title: "Swap width and height" }));
    if (focused !== null && focused !== undefined) /** @type {HTMLElement | null} */ (choices.querySelector(`[data-size="${focused}"]`) ?? choices.querySelector('[aria-pressed="true"]'))?.focus();
    const size = named(chosen);
    fill(hint, size && `${size.width} × ${size.height} pixels`);
    custom.hidden = chosen !== CUSTOM;
    // What is asked for has a size.
    wide.required = high.required = chosen === CUSTOM;
  }
  draw();

  return {
    node,
    read() {
      if (chosen === CUSTOM) return { width: numberFrom(wide.value), height: numberFrom(high.value) };
      const size = named(chosen);
      return { width: size?.width, height: size?.height };
    },
    /** @param {Record<string, any>} values */
    write({ width, height }) {
      const size = sizes().find((size) => size.width === width && size.height === height);
      [wide.value, high.value] = [String(width ?? ""), String(height ?? "")];
      chosen = width || height ? size?.ratio ?? CUSTOM : "";
      draw();
    },
    /** @param {ModelDefaults | null} now */
    showDefaults(now) {
      const before = this.read();
      defaults = now;
      if (chosen !== CUSTOM) this.write(before);
      else draw();
    },
    /** @param {boolean} there */
    setStartingImage(there) {
      startsFromImage = there;
      draw();
    },
  };
}
