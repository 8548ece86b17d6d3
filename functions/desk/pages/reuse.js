// What of a task's settings another request begins with.

/** @typedef {import("../types/desk").Settings} Settings */
/** @typedef {"settings" | "more" | "same" | "vary" | "start" | "paint"} Reuse */

/** How many variations are asked for, and how far they are from the image. */
const VARIATIONS = 4;
const VARIATION_STRENGTH = 0.2;

/**
 * The settings with which a form begins.
 * @param {Settings} settings Those of the task.
 * @param {{index: number, seed: string} | undefined} image Which image it is about, where it is about one.
 * @param {Reuse} reuse
 * @returns {Record<string, any>}
 */
export function reused(settings, image, reuse) {
  const none = { variation_strength: undefined, variation_seed: undefined };
  switch (reuse) {
    case "settings": return settings;
    case "same": return { ...settings, ...(image && alone(settings, image)) };
    case "vary":
      return { ...settings, ...none, seed: image?.seed ?? settings.seed, variation_strength: VARIATION_STRENGTH, count: VARIATIONS };
    // The image brings its own size.
    case "start":
    case "paint": return { ...settings, ...none, seed: undefined, width: undefined, height: undefined, init_image: undefined };
    case "more": return { ...settings, ...none, seed: undefined };
  }
}

/** What gives this image by itself. @param {Settings} settings @param {{index: number, seed: string}} image */
function alone({ variation_strength, variation_seed }, { index, seed }) {
  const varied = variation_strength && variation_seed !== undefined && variation_seed !== null;
  return { count: 1, seed, variation_seed: varied ? String(BigInt.asUintN(64, BigInt(variation_seed) + BigInt(index))) : undefined };
}
