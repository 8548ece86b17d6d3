// The form of a request. What people use most has a place and a control of its own here; every other setting that the
// API's schema has gets one made from its schema, under “Advanced”.

import { element } from "./element.js";
import { embeddingsPart, lorasPart, modelPart, upscalerPart } from "./offer_controls.js";
import { seedPart, variationPart } from "./seed_part.js";
import { settingControl } from "./setting_controls.js";
import { sizePart } from "./size_part.js";
import { labelOf } from "./words.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {Record<string, any>} Values */
/**
 * A part of the form, which reads and writes some of the settings.
 * @typedef {{node: HTMLElement, read: () => Values, write: (values: Values) => void}} Part
 */

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
 * @param {import("../types/desk").ModelDefaults | null} [defaults] What the first model does where nothing is asked for.
 */
export function settingsForm(settings, offers, defaults = null) {
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
  const [width, height, seed, varies, variationSeed] = ["width", "height", "seed", "variation_strength", "variation_seed"].map(take);
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
    prompt, negative, offered, size && add(size),
    row(count, steps, guidance), row(scheduler, refiner), seed && add(seedPart(seed)),
    varies && variationSeed && add(variationPart(varies, variationSeed)), strength, enlarged, row(title, tags),
    rest.size > 0 && advanced);
  if (strength) strength.hidden = true;

  /** Shows what is used where nothing is chosen: only of the first model it is known. */
  function showDefaults() {
    const chooses = /** @type {HTMLSelectElement | null} */ (node.querySelector("#model"));
    const known = chooses?.value ? null : defaults;
    size?.showDefaults(known);
    /** @type {["steps", "guidance_scale"]} */ (["steps", "guidance_scale"]).forEach((name) => {
      const input = node.querySelector(`#${name}`);
      if (input) input.setAttribute("placeholder", known ? String(known[name]) : "Model default");
    });
    const first = node.querySelector("#scheduler option");
    if (first) first.textContent = known ? `Default (${SCHEDULERS[known.scheduler] ?? labelOf(known.scheduler)})` : "Model default";
  }
  node.querySelector("#model")?.addEventListener("change", showDefaults);
  showDefaults();

  return {
    node,

    /** @param {boolean} there Whether there is an image to start from. */
    setStartingImage(there) {
      if (strength) strength.hidden = !there;
      size?.setStartingImage(there);
    },

    /** @param {Values} values */
    write(values) {
      for (const part of parts) part.write(values);
      showDefaults();
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
