// The seed, which stays only if it is locked, and variations of the image that it gives.

import { button, element } from "./element.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {import("./settings_form.js").Part} Part */

/** @param {string} id @param {Record<string, any>} [properties] */
function seedInput(id, properties) {
  const input = element("input", { id, inputmode: "numeric", autocomplete: "off", placeholder: "Random", maxlength: 20, ...properties });
  input.addEventListener("input", () => input.setCustomValidity(/^\d*$/.test(input.value) ? "" : "Enter a whole number, 0 or more."));
  return input;
}

/** @param {Setting} setting @returns {Part} */
export function seedPart({ schema }) {
  const seed = seedInput("seed");
  const lock = element("input", { type: "checkbox", id: "lock" });
  seed.addEventListener("input", () => (lock.checked = seed.value !== ""));
  const randomize = button("Randomize", () => {
    // As the API draws them: other tools take no more than 32 bits.
    seed.value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    lock.checked = true;
    seed.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return {
    node: element("div", { class: "field", title: schema.description },
      element("label", { for: "seed" }, "Seed"),
      element("div", { class: "row" }, seed, randomize),
      element("div", { class: "check" }, lock, element("label", { for: "lock" }, "Lock seed"))),
    read: () => ({ seed: lock.checked && seed.value ? seed.value : undefined }),
    write: (values) => {
      seed.value = values.seed ?? "";
      seed.setCustomValidity("");
      lock.checked = seed.value !== "";
    },
  };
}

/**
 * How far the images are from the seed's own, and the seed that they are varied with.
 * @param {Setting} strength
 * @param {Setting} variationSeed
 * @returns {Part}
 */
export function variationPart(strength, variationSeed) {
  const shown = element("output", { for: strength.name });
  const slider = element("input", {
    type: "range", id: strength.name, min: 0, max: 1, step: 0.01, value: "0", title: strength.schema.description,
    "aria-describedby": "variation-hint",
  });
  const seed = seedInput(variationSeed.name, { title: variationSeed.schema.description });
  const ofSeed = element("div", { class: "field" }, element("label", { for: seed.id }, "Variation seed"), seed);
  const node = element("details", {}, element("summary", {}, "Variation"), element("div", { class: "settings" },
    element("div", { class: "field" }, element("label", { for: slider.id }, "Variation strength"), element("div", { class: "row" }, slider, shown),
      element("small", { id: "variation-hint" }, "0 is the seed's own image; 0.1 to 0.3 vary it a little")), ofSeed));
  const draw = () => {
    shown.textContent = Number(slider.value).toFixed(2);
    ofSeed.hidden = slider.value === "0";
  };
  slider.addEventListener("input", draw);
  // The browser can only point at an invalid field that is visible.
  node.addEventListener("invalid", () => (node.open = true), true);
  draw();
  return {
    node,
    read() {
      if (slider.value === "0") return { variation_strength: undefined, variation_seed: undefined };
      return { variation_strength: Number(slider.value), variation_seed: seed.value || undefined };
    },
    write(values) {
      slider.value = String(values.variation_strength ?? 0);
      seed.value = values.variation_seed ?? "";
      seed.setCustomValidity("");
      node.open = slider.value !== "0";
      draw();
    },
  };
}
