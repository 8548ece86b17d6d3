// What the model does where a request says nothing else.

import { Problem, call } from "./api.js";

/** @typedef {import("../types/desk").ModelDefaults} ModelDefaults */

/**
 * The defaults of the model that draws unless another is named; null where no worker has said them.
 * @param {AbortSignal} signal
 * @returns {Promise<ModelDefaults | null>}
 */
export async function loadDefaults(signal) {
  try {
    return (await call("GET", "/health", { signal })).body.defaults ?? null;
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
