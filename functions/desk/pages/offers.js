// What the service offers by name: models, LoRAs, embeddings, control models, image adapters and upscalers.

import { Problem, call } from "./api.js";

/** @typedef {import("../types/desk").Offers} Offers */
/** @typedef {Record<string, any>} Values */

/** @type {Offers} */
export const NOTHING_OFFERED = {
  models: [], loras: [], embeddings: [], controls: [], image_adapters: [], upscalers: [], is_complete: false, reported_at: null,
};

/** Those that something can be drawn with. @template {{unusable?: string}} Offer @param {Offer[]} offers */
const usable = (offers) => offers.filter(({ unusable: reason }) => !reason);

/**
 * What is offered now and of use; nothing where the service does not say.
 * @param {AbortSignal} signal
 * @returns {Promise<Offers>}
 */
export async function loadOffers(signal) {
  try {
    /** @type {Offers} */
    const offers = (await call("GET", "/v1/offers", { signal })).body;
    const { controls, image_adapters: adapters, upscalers } = offers;
    return { ...offers, controls: usable(controls), image_adapters: usable(adapters), upscalers: usable(upscalers) };
  } catch (error) {
    if (error instanceof Problem) return NOTHING_OFFERED;
    throw error;
  }
}

/** @param {{name: string}[]} offers @param {string} name */
const has = (offers, name) => offers.some((offer) => offer.name === name);

/**
 * The values without the names that the service does not offer, such as those of an image from elsewhere, and these names.
 * @param {Values} values
 * @param {Offers} offers
 * @returns {{values: Values, missing: string[]}}
 */
export function onlyOffered(values, offers) {
  /** @type {string[]} */
  const missing = [];
  /** @param {{name: string}[]} offered @param {string} name */
  const keep = (offered, name) => {
    if (has(offered, name)) return true;
    missing.push(name);
    return false;
  };
  const kept = { ...values };
  // What draws anyway is not named.
  if (values.model && (values.model === offers.models[0]?.name || !keep(offers.models, values.model))) delete kept.model;
  if (values.loras) kept.loras = values.loras.filter((/** @type {{name: string}} */ { name }) => keep(offers.loras, name));
  if (values.embeddings) kept.embeddings = values.embeddings.filter((/** @type {string} */ name) => keep(offers.embeddings, name));
  // A prompt may name LoRAs, too.
  if (offers.is_complete) {
    for (const [, name] of String(values.prompt ?? "").matchAll(/<lora:([^:>]+)/g)) if (!has(offers.loras, name)) missing.push(`the LoRA ${name} of the prompt`);
  }
  return { values: kept, missing };
}
