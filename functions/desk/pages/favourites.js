// The images that a person likes: a collection that everybody has.

import { call } from "./api.js";

/** @typedef {import("../types/desk").ImageReference} ImageReference */

const PATH = "/v1/collections/favourites";
const PAGE = 100;

/** @param {ImageReference} image */
const keyOf = ({ task, attempt, image }) => `${task}/${attempt}/${image}`;

/** @type {Promise<Set<string>> | null} */
let known = null;

async function load() {
  const found = new Set();
  /** @type {string | null | undefined} */
  let cursor = "0";
  while (cursor) {
    /** @type {import("../types/desk").WholeCollection} */
    const page = (await call("GET", `${PATH}?limit=${PAGE}&cursor=${cursor}`)).body;
    for (const image of page.images) found.add(keyOf(image));
    cursor = page.next_cursor;
  }
  return found;
}

/** Whether an image is a favourite. @param {ImageReference} image */
export async function isFavourite(image) {
  known ??= load();
  try {
    return (await known).has(keyOf(image));
  } catch (error) {
    known = null;
    throw error;
  }
}

/** Makes an image a favourite, or takes that back; returns whether it is one. @param {ImageReference} image */
export async function toggleFavourite(image) {
  const was = await isFavourite(image);
  await call("PATCH", PATH, { body: { [was ? "remove" : "add"]: [image] } });
  const now = await (known ?? load());
  if (was) now.delete(keyOf(image));
  else now.add(keyOf(image));
  return !was;
}

/** Forgets what is known, because another page may have changed it. */
export const forgetFavourites = () => (known = null);
