// What somebody can make next of an image: another of its kind, the same again, a variation, or something that starts from it.

import { button } from "./element.js";
import { imageFile, saveFile } from "./image_files.js";
import { failed } from "./notices.js";

/** @typedef {import("./reuse.js").Reuse} Reuse */
/** @typedef {(id: string, reuse: Reuse, index: number) => void} Use */

/** Opens the form. @type {Use} */
export const openForm = (id, reuse, index) => {
  location.hash = `#/create/${id}/${reuse}/${index}`;
};

/**
 * Buttons for an image.
 * @param {string} id The task's.
 * @param {() => number} index The image's, when one is pressed.
 * @param {Use} [use]
 */
export function imageActions(id, index, use = openForm) {
  /** @param {string} label @param {Reuse} reuse @param {string} title */
  const make = (label, reuse, title) => button(label, () => use(id, reuse, index()), { title });
  return [
    make("More like this", "vary", "Small variations of this image"),
    make("New seed", "more", "The same settings with a new seed"),
    make("Same seed", "same", "The settings that give this image, to change some of them"),
    make("Use as starting image", "start", "Start a new image from this one"),
  ];
}

/** A button that saves an image. @param {string} id @param {() => number} index */
export const downloadButton = (id, index) =>
  button("Download", () => imageFile(id, index()).then(saveFile).catch(failed));
