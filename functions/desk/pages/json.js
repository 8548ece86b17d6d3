// JSON in which seeds are text: they have 64 bits, and JavaScript's numbers hold only 53.

/** Whether this browser gives access to a number as it is written: since Chrome 114, Firefox 135 and Safari 18.4. */
export const keepsSeeds = "rawJSON" in JSON;

const SEEDS = ["seed", "variation_seed"];

/** @param {string} text */
export const readJson = (text) =>
  JSON.parse(text, (key, value, { source }) => (SEEDS.includes(key) && typeof value === "number" ? source : value));

/** @param {unknown} value */
export const writeJson = (value) =>
  JSON.stringify(value, (key, value) => (SEEDS.includes(key) && /^\d+$/.test(value) ? JSON.rawJSON(value) : value));
