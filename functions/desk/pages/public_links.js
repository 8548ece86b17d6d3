// Where everybody sees what was published.

/** @typedef {import("../types/desk").Configuration} Configuration */

/** @type {string | null} */
let base = null;

/** Says where published images are, once it is known. @param {Configuration} configuration */
export function knowPublicLinks({ published_url }) {
  base = published_url;
}

/** The public address of each image of a task; none where published images are not public. @param {import("../types/desk").ListedTask} task */
export const publicLinks = ({ status, publication }) =>
  (base && status === "published" ? (publication?.keys ?? []).map((key) => base + key.replace(/^published\//, "")) : []);
