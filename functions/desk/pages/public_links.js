// Where everybody sees what was published.

/** @typedef {import("../types/desk").Configuration} Configuration */

/** @type {string | null} */
let base = null;

/** Says where published images are, once it is known. @param {Configuration} configuration */
export function knowPublicLinks({ published_url }) {
  base = published_url;
}

/**
 * The public address of each image of a task; none where published images are not public.
 * @param {import("../types/desk").Task} task
 */
export function publicLinks({ status, attempt, publication }) {
  if (status !== "published") return [];
  const addresses = attempt.images.flatMap((image) => image.published_url ?? []);
  if (addresses.length > 0 || !base) return addresses;
  return (publication?.keys ?? []).map((key) => base + key.replace(/^published\//, ""));
}
