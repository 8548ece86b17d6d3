// The form of an order: every field that the API takes, with the model's own defaults where nothing is said.

import { button, element } from "./element.js";

/** @typedef {import("../types/api").Settings} Settings */

/** Sizes that SDXL was trained on. */
const SIZES = ["1024×1024", "1152×896", "896×1152", "1216×832", "832×1216", "1344×768", "768×1344", "1536×640", "640×1536"];
const CUSTOM = "custom";
/** @type {[string, string][]} */
const PRESETS = [["", "The model's own"], ...SIZES.map((size) => /** @type {[string, string]} */ ([size, size.replace("×", " × ")])), [CUSTOM, "Another"]];
/** @type {[string, string][]} */
const SCHEDULERS = [
  ["", "The model's own"], ["euler", "Euler"], ["euler_a", "Euler ancestral"], ["euler_karras", "Euler, Karras"], ["heun", "Heun"],
  ["ddim", "DDIM"], ["dpmpp_2m", "DPM++ 2M"], ["dpmpp_2m_karras", "DPM++ 2M, Karras"], ["dpmpp_2m_sde_karras", "DPM++ 2M SDE, Karras"],
  ["unipc", "UniPC"], ["lcm", "LCM"], ["euler_trailing", "Euler, trailing"], ["ddim_trailing", "DDIM, trailing"],
];

export function settingsForm() {
  const prompt = element("textarea", { id: "prompt", name: "prompt", rows: 3, required: true, maxlength: 2000, dir: "auto" });
  const negative = element("textarea", { id: "negative_prompt", rows: 2, maxlength: 2000, dir: "auto" });
  const preset = choice("size", PRESETS);
  const width = number("width", { min: 64, max: 2048, step: 8 });
  const height = number("height", { min: 64, max: 2048, step: 8 });
  const steps = number("steps", { min: 1, max: 150, placeholder: "model's own" });
  const guidance = number("guidance_scale", { min: 0, max: 30, step: "any", placeholder: "model's own" });
  const scheduler = choice("scheduler", SCHEDULERS);
  const seed = element("input", { id: "seed", inputmode: "numeric", pattern: "[0-9]{1,20}", autocomplete: "off", placeholder: "new each time" });
  const lock = element("input", { type: "checkbox", id: "lock" });
  const count = number("count", { min: 1, max: 8, value: 1 });
  const refiner = choice("use_refiner", [["", "As the model does"], ["true", "Let it finish"], ["false", "Leave it out"]]);
  const strength = number("strength", { min: 0, max: 1, step: 0.05, placeholder: "0.3" });
  const strengthField = field("Strength", strength, "How much of the picture may change");
  const title = element("input", { id: "title", maxlength: 200, dir: "auto", autocomplete: "off" });
  const tags = element("input", { id: "tags", dir: "auto", autocomplete: "off", placeholder: "with commas between" });
  const own = element("div", { class: "fields" }, field("Width", width), field("Height", height));

  const seedField = element("div", { class: "field" },
    element("label", { for: "seed" }, "Seed"),
    element("div", { class: "row" }, seed, button("New seed", () => {
      seed.value = newSeed();
      lock.checked = true;
    })),
    element("div", { class: "check" }, lock, element("label", { for: "lock" }, "Keep this seed")));
  const sizeChanged = () => (own.hidden = preset.value !== CUSTOM);
  preset.addEventListener("change", sizeChanged);
  seed.addEventListener("input", () => (lock.checked = seed.value !== ""));

  /** Settings that the form has no field for, such as a guidance interval. @type {Partial<Settings>} */
  let kept = {};
  const node = element("div", { class: "settings" },
    field("Prompt", prompt),
    field("Negative prompt", negative, "What to avoid"),
    element("div", { class: "fields" }, field("Size", preset), field("Pictures", count)),
    own,
    element("div", { class: "fields" }, field("Steps", steps), field("Guidance scale", guidance)),
    element("div", { class: "fields" }, field("Scheduler", scheduler), field("Refiner", refiner)),
    seedField,
    strengthField,
    element("div", { class: "fields" }, field("Title", title), field("Tags", tags)));
  sizeChanged();
  strengthField.hidden = true;

  return {
    node,
    prompt,

    /** Title and tags belong to a new task only. @param {boolean} shown */
    naming(shown) {
      /** @type {HTMLElement} */ (title.closest(".fields")).hidden = !shown;
    },

    /** @param {boolean} there Whether there is a picture to start from. */
    starts(there) {
      strengthField.hidden = !there;
    },

    /** @param {Partial<Settings> & {title?: string, tags?: string[]}} settings */
    fill(settings) {
      const { guidance_interval, high_noise_frac } = settings;
      kept = { guidance_interval, high_noise_frac };
      prompt.value = settings.prompt ?? "";
      negative.value = settings.negative_prompt ?? "";
      const size = settings.width && settings.height ? `${settings.width}×${settings.height}` : "";
      preset.value = size === "" || SIZES.includes(size) ? size : CUSTOM;
      width.value = String(settings.width ?? "");
      height.value = String(settings.height ?? "");
      steps.value = String(settings.steps ?? "");
      guidance.value = String(settings.guidance_scale ?? "");
      scheduler.value = settings.scheduler ?? "";
      seed.value = settings.seed ?? "";
      lock.checked = seed.value !== "";
      count.value = String(settings.count ?? 1);
      refiner.value = settings.use_refiner === undefined ? "" : String(settings.use_refiner);
      strength.value = String(settings.strength ?? "");
      title.value = settings.title ?? "";
      tags.value = settings.tags?.join(", ") ?? "";
      sizeChanged();
    },

    /** What the API is asked for; what is left out is the model's own. */
    read() {
      const [wide, high] = preset.value === CUSTOM ? [width.value, height.value] : preset.value.split("×");
      /** @param {string | undefined} text */
      const some = (text) => (text ? Number(text) : undefined);
      const locked = lock.checked && seed.value ? seed.value : undefined;
      const words = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
      return {
        ...kept,
        prompt: prompt.value,
        negative_prompt: negative.value || undefined,
        width: some(wide),
        height: some(high),
        steps: some(steps.value),
        guidance_scale: some(guidance.value),
        scheduler: scheduler.value || undefined,
        seed: locked,
        count: some(count.value),
        use_refiner: refiner.value ? refiner.value === "true" : undefined,
        strength: strengthField.hidden ? undefined : some(strength.value),
        title: title.value || undefined,
        tags: words.length > 0 ? words : undefined,
      };
    },
  };
}

/** @param {string} label @param {HTMLElement} input @param {string} [hint] */
function field(label, input, hint) {
  const described = hint ? `${input.id}-hint` : null;
  if (described) input.setAttribute("aria-describedby", described);
  return element("div", { class: "field" },
    element("label", { for: input.id }, label), input, hint && element("small", { id: described }, hint));
}

/** @param {string} id @param {Record<string, any>} properties */
const number = (id, properties) => element("input", { type: "number", id, ...properties });

/** @param {string} id @param {[string, string][]} options */
const choice = (id, options) => element("select", { id }, options.map(([value, name]) => element("option", { value }, name)));

/** 32 bits, as the API draws them: other tools take no more. */
const newSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0]);
