// The form of a request. What people use most has a place and a control of its own here; every other setting that the
// API's schema has gets one made from its schema, under “Advanced”.

import { button, element } from "./element.js";
import { embeddingsPart, lorasPart, modelPart, upscalerPart } from "./offer_controls.js";
import { field, numberFrom, numberInput, select, settingControl } from "./setting_controls.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {Record<string, any>} Values */
/**
 * A part of the form, which reads and writes some of the settings.
 * @typedef {{node: HTMLElement, read: () => Values, write: (values: Values) => void}} Part
 */

/** Sizes that SDXL was trained on. */
const SIZES = ["1024×1024", "1152×896", "896×1152", "1216×832", "832×1216", "1344×768", "768×1344", "1536×640", "640×1536"];
const CUSTOM = "custom";

/** @type {Record<string, string>} */
const SCHEDULERS = {
  euler: "Euler", euler_a: "Euler ancestral", euler_karras: "Euler, Karras", heun: "Heun", ddim: "DDIM", dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_karras: "DPM++ 2M, Karras", dpmpp_2m_sde_karras: "DPM++ 2M SDE, Karras", unipc: "UniPC", lcm: "LCM",
  euler_trailing: "Euler, trailing", ddim_trailing: "DDIM, trailing",
};

/** Labels that are better than a setting's name. @type {Record<string, string>} */
const LABELS = { high_noise_frac: "High-noise fraction" };

/** Files are uploaded, so what they are for has no field here. */
const UPLOADED = ["init_image", "mask", "controls", "image_adapter", "image_prompts", "image_prompt_scale"];

/**
 * @param {Map<string, Setting>} settings All that the request may have.
 * @param {import("../types/desk").Offers} offers What the service offers by name.
 */
export function settingsForm(settings, offers) {
  const rest = new Map(settings);
  /** @type {Part[]} */
  const parts = [];
  /** @param {Part} part */
  const add = (part) => {
    parts.push(part);
    return part.node;
  };
  /** @param {string} name */
  const take = (name) => {
    const setting = rest.get(name);
    rest.delete(name);
    return setting;
  };
  /** @param {string} name @param {PartOptions} [options] */
  const known = (name, options) => {
    const setting = take(name);
    if (!setting) return null;
    const properties = { title: setting.schema.description, ...options?.properties };
    return add(single(setting, { ...options, properties }));
  };
  /** @param {...(HTMLElement | null)} fields */
  const row = (...fields) => fields.some(Boolean) && element("div", { class: "fields" }, fields);

  const prompt = known("prompt", { properties: { rows: 3 } });
  const negative = known("negative_prompt");
  const [width, height, seed] = [take("width"), take("height"), take("seed")];
  const size = width && height && sizePart(width, height);
  const count = known("count", { label: "Images", initial: 1, properties: { required: true } });
  const steps = known("steps");
  const guidance = known("guidance_scale");
  const scheduler = known("scheduler", { names: SCHEDULERS });
  const refiner = known("use_refiner", { label: "Refiner" });
  const strength = known("strength", {
    hint: "How much the image may change (0 = not at all, 1 = completely)", properties: { step: 0.05 },
  });
  const [model, loras, embeddings] = [take("model"), take("loras"), take("embeddings")];
  const offered = [
    model && add(modelPart(model, offers.models)), loras && add(lorasPart(loras, offers.loras)),
    embeddings && add(embeddingsPart(embeddings, offers.embeddings)),
  ];
  const title = known("title");
  const tags = known("tags");
  const [upscaler, upscale] = [take("upscaler"), take("upscale")];
  const enlarged = upscaler && upscale && add(upscalerPart(upscaler, upscale, offers.upscalers));
  for (const name of UPLOADED) take(name);

  const advanced = element("details", { class: "advanced" }, element("summary", {}, "Advanced"),
    element("div", { class: "settings" },
      [...rest.values()].map((setting) => add(single(setting, { label: LABELS[setting.name], hint: setting.schema.description })))));
  // The browser can only point at an invalid field that is visible.
  advanced.addEventListener("invalid", () => (advanced.open = true), true);
  const node = element("div", { class: "settings" },
    prompt, negative, offered, row(size ? add(size) : null, count), size?.custom,
    row(steps, guidance), row(scheduler, refiner), seed && add(seedPart(seed)), strength, enlarged, row(title, tags),
    rest.size > 0 && advanced);
  if (strength) strength.hidden = true;

  return {
    node,

    /** @param {boolean} there Whether there is an image to start from. */
    setStartingImage(there) {
      if (strength) strength.hidden = !there;
    },

    /** @param {Values} values */
    write(values) {
      for (const part of parts) part.write(values);
      advanced.open = [...rest.keys()].some((name) => values[name] !== undefined && values[name] !== null);
    },

    /** The request's values; what is undefined is left to the model. @returns {Values} */
    read() {
      const values = Object.assign({}, ...parts.map((part) => part.read()));
      return strength?.hidden ? { ...values, strength: undefined } : values;
    },

    /** Puts the focus on the control of a setting. @param {string} name */
    focus(name) {
      const input = document.getElementById(name === "init_image" ? "file" : name);
      const details = input?.closest("details");
      if (details) details.open = true;
      input?.focus();
    },
  };
}

/**
 * `initial` is the value of a setting that is not for the model to choose.
 * @typedef {Parameters<typeof settingControl>[1] & {initial?: unknown}} PartOptions
 */

/** A part with one setting. @param {Setting} setting @param {PartOptions} options @returns {Part} */
function single(setting, { initial, ...options } = {}) {
  const { node, read, write } = settingControl(setting, options);
  write(initial);
  return { node, read: () => ({ [setting.name]: read() }), write: (values) => write(values[setting.name] ?? initial) };
}

/**
 * The sizes that suit the model, or any other.
 * @param {Setting} width
 * @param {Setting} height
 * @returns {Part & {custom: HTMLElement}}
 */
function sizePart(width, height) {
  const preset = select("size", [
    ["", "Model default"], ...SIZES.map((size) => /** @type {[string, string]} */ ([size, size.replace("×", " × ")])), [CUSTOM, "Custom…"],
  ]);
  const [wide, high] = [width, height].map(({ name, schema }) => numberInput(name, schema));
  const custom = element("div", { class: "fields" }, field("Width", wide), field("Height", high));
  const update = () => (custom.hidden = preset.value !== CUSTOM);
  preset.addEventListener("change", update);
  update();
  return {
    node: field("Size", preset),
    custom,
    read: () => {
      const [width, height] = preset.value === CUSTOM ? [wide.value, high.value] : preset.value.split("×");
      return { width: numberFrom(width), height: numberFrom(height ?? "") };
    },
    write: ({ width, height }) => {
      const size = width && height ? `${width}×${height}` : "";
      preset.value = size === "" || SIZES.includes(size) ? size : CUSTOM;
      [wide.value, high.value] = [String(width ?? ""), String(height ?? "")];
      update();
    },
  };
}

/** A seed that stays only if it is locked. @param {Setting} setting @returns {Part} */
function seedPart({ schema }) {
  const seed = element("input", {
    id: "seed", inputmode: "numeric", pattern: "[0-9]{1,20}", autocomplete: "off", placeholder: "Random",
    title: "A whole number, 0 or more",
  });
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
      lock.checked = seed.value !== "";
    },
  };
}
