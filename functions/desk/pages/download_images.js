// Saves images as one ZIP file, with the settings beside each.

import { element } from "./element.js";
import { writeJson } from "./json.js";
import { notice } from "./notices.js";
import { counted } from "./words.js";
import { ZipWriter } from "./zip.js";

/**
 * An image, and what is known of it.
 * @typedef {{url: string, title: string, seed: string | number, record: Record<string, any>}} Saved
 */

const LONGEST = 40;
const KEPT = 60_000;

/** A name that sorts as the images do and that every system takes. @param {number} number @param {Saved} image */
export function fileName(number, { title, seed }) {
  const words = title.replace(/[^\p{L}\p{N}]+/gu, " ").trim().replaceAll(" ", "-");
  return [String(number).padStart(3, "0"), [...words].slice(0, LONGEST).join(""), seed].filter((part) => part !== "").join("-");
}

/**
 * @param {AsyncIterable<Saved>} images
 * @param {string} name
 */
export async function downloadImages(images, name) {
  const zip = new ZipWriter();
  let count = 0;
  for await (const image of images) {
    const response = await fetch(image.url);
    if (!response.ok) throw new Error("an image could not be downloaded: try again");
    count += 1;
    const file = fileName(count, image);
    zip.add(`${file}.png`, new Uint8Array(await response.arrayBuffer()));
    zip.add(`${file}.json`, new TextEncoder().encode(writeJson(image.record)));
  }
  if (count === 0) throw new Error("there are no images to download");
  const address = URL.createObjectURL(zip.finish());
  element("a", { href: address, download: `${name}.zip` }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT);
  notice(`Downloaded ${counted(count, "image")}.`);
}

/** What stands beside an image: all but where it can be fetched for an hour. @param {Record<string, any>} about */
export const recordOf = (about) => Object.fromEntries(Object.entries(about).filter(([name]) => !name.endsWith("url")));

/**
 * The images of whole tasks.
 * @param {string[]} ids
 * @param {(id: string) => Promise<import("../types/desk").Task>} whole
 */
export const imagesOfTasks = (ids, whole) => eachImage(ids, whole);

/**
 * @param {string[]} ids
 * @param {(id: string) => Promise<import("../types/desk").Task>} whole
 * @returns {AsyncGenerator<Saved>}
 */
async function* eachImage(ids, whole) {
  for (const id of ids) {
    const task = await whole(id);
    const { images, settings, generation } = task.attempt;
    for (const image of images) {
      const record = recordOf({ task: id, title: task.title, owner: task.owner, tags: task.tags, ...image, settings, generation });
      yield { url: image.url, title: task.title || settings.prompt, seed: image.seed, record };
    }
  }
}
