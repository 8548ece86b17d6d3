// The settings in an image file, from Easel's record or from the infotext that other tools write.

import { textsIn } from "./image_texts.js";
import { readJson } from "./json.js";

/** @typedef {Record<string, any>} Values */
/** What a file says: settings, and what of it cannot be used. @typedef {{settings: Values, unused: string[]}} Found */

const MOST_BYTES = 30 * 1024 * 1024;

/**
 * The settings in a file, of those that can be requested; null if it has none.
 * @param {File} file
 * @param {string[]} names
 * @returns {Promise<Found | null>}
 */
export async function settingsIn(file, names) {
  if (file.size > MOST_BYTES) return null;
  const texts = textsIn(new Uint8Array(await file.arrayBuffer()));
  for (const text of [texts.easel, texts.parameters]) {
    if (!text) continue;
    const settings = fromRecord(text, names);
    const found = settings ? { settings, unused: [] } : fromInfotext(text);
    if (found) return found;
  }
  return null;
}

/** Easel's record. @param {string} text @param {string[]} names @returns {Values | null} */
export function fromRecord(text, names) {
  let record;
  try {
    record = readJson(text);
  } catch {
    return null;
  }
  const request = record?.request;
  if (typeof request?.prompt !== "string") return null;
  // The record has a value for everything: without a refiner, a starting image and so on, theirs mean nothing.
  const meaningless = [
    "init_image",
    ...(record.init ? [] : ["strength"]),
    ...(request.use_refiner ? [] : ["use_refiner", "high_noise_frac"]),
    ...(request.hires_scale ? [] : ["hires_strength", "hires_steps", "hires_upscaler"]),
    ...(request.tile_size ? [] : ["tile_overlap"]),
    ...(record.mask ? [] : names.filter((name) => name.startsWith("mask_"))),
  ];
  const found = names.filter((name) => !meaningless.includes(name) && request[name] !== null && request[name] !== undefined);
  const values = Object.fromEntries(found.map((name) => [name, request[name]]));
  return { ...values, ...pick(filesOf(record), names) };
}

/** @param {Values} values @param {string[]} names */
const pick = (values, names) => Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));

/** The model, LoRAs and embeddings of a record, by name. LoRAs that stand in the prompt stay there. @param {any} record @returns {Values} */
function filesOf(record) {
  /** @type {{name: string, weights?: string}[]} */
  const loras = (record.loras ?? []).filter((/** @type {{name: string}} */ { name }) => !record.request.prompt.includes(`<lora:${name}`));
  const embeddings = (record.embeddings ?? []).map((/** @type {{name: string}} */ { name }) => name);
  /** @type {Values} */
  const values = {};
  if (typeof record.model === "string") values.model = record.model;
  // What a prompt writes for each block is no number, and stands in the prompt.
  const weight = (/** @type {string | undefined} */ weights) => (Number.isFinite(Number(weights ?? 1)) ? Number(weights ?? 1) : 1);
  if (loras.length > 0) values.loras = loras.map(({ name, weights }) => ({ name, weight: weight(weights) }));
  if (embeddings.length > 0) values.embeddings = embeddings;
  return values;
}

/** Names of samplers there, with the schedule type if it is given separately. @type {Record<string, string>} */
const SAMPLERS = {
  "Euler": "euler", "Euler a": "euler_a", "Euler Karras": "euler_karras", "Heun": "heun", "DDIM": "ddim",
  "DPM++ 2M": "dpmpp_2m", "DPM++ 2M Karras": "dpmpp_2m_karras", "DPM++ 2M SDE Karras": "dpmpp_2m_sde_karras",
  "UniPC": "unipc", "LCM": "lcm", "Euler SGM Uniform": "euler_trailing",
};

/** Samplers there that the service understands as they are spelt, with any schedule type. */
const UNDERSTOOD = [
  "Euler", "Euler a", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE", "UniPC", "LCM",
];

const NEGATIVE = "Negative prompt: ";

/** Parameters there that say nothing that could be asked for here. */
const INFORMS = [
  "Version", "Model", "Model hash", "VAE", "VAE hash", "VAE Decoder", "Lora hashes", "TI hashes", "Hashes", "User", "RNG", "Denoising strength", "Refiner",
];
/** Those that are read. */
const READ = [
  "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Clip skip", "Variation seed", "Variation seed strength", "Refiner switch at",
  "Token merging ratio",
];
/** More is not merged here. */
const MOST_MERGED = 0.75;

/** Infotext: a prompt, perhaps a negative one, and a line of parameters. @param {string} text @returns {Found | null} */
export function fromInfotext(text) {
  const lines = text.trim().split("\n");
  const last = lines.at(-1) ?? "";
  if (!/^Steps: \d+/.test(last)) return null;
  const negative = lines.findIndex((line) => line.startsWith(NEGATIVE));
  const prompt = lines.slice(0, negative < 0 ? -1 : negative).join("\n");
  if (!prompt) return null;
  const given = Object.fromEntries([...last.matchAll(/\s*([\w +-]+): ("(?:\\.|[^"])*"|[^,]*)(?:,|$)/g)].map(([, name, value]) => [name, value]));
  const size = /^(\d+)x(\d+)$/.exec(given.Size ?? "");
  const spelt = [given.Sampler, given["Schedule type"]].filter((word) => word && word !== "Automatic").join(" ");
  const sampler = SAMPLERS[spelt] ?? (UNDERSTOOD.includes(given.Sampler) ? spelt : undefined);
  /** @type {Values} */
  const settings = { prompt, steps: Number(given.Steps) };
  if (negative >= 0) settings.negative_prompt = lines.slice(negative, -1).join("\n").slice(NEGATIVE.length);
  if (given["CFG scale"]) settings.guidance_scale = Number(given["CFG scale"]);
  if (/^\d+$/.test(given.Seed ?? "")) settings.seed = given.Seed;
  if (size) [settings.width, settings.height] = [Number(size[1]), Number(size[2])];
  if (sampler) settings.scheduler = sampler;
  // Counted from the last layer there, of which SDXL leaves one out anyway.
  if (Number(given["Clip skip"]) > 2) settings.clip_skip = Number(given["Clip skip"]) - 2;
  if (Number(given["Variation seed strength"]) > 0 && /^\d+$/.test(given["Variation seed"] ?? "")) {
    settings.variation_strength = Number(given["Variation seed strength"]);
    settings.variation_seed = given["Variation seed"];
  }
  if (Number(given["Token merging ratio"]) > 0) settings.token_merging = Math.min(Number(given["Token merging ratio"]), MOST_MERGED);
  const unused = Object.entries(given).filter(([name]) => !INFORMS.includes(name) && !READ.includes(name)).map(([name]) => name);
  if (spelt && !sampler) unused.unshift(`the sampler “${spelt}”, which is not known here`);
  return { settings, unused };
}
