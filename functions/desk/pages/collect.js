// Puts images into collections.

import { call } from "./api.js";
import { element } from "./element.js";
import { forgetFavourites } from "./favourites.js";
import { formDialog } from "./label_dialog.js";
import { notice } from "./notices.js";
import { session } from "./session.js";
import { counted } from "./words.js";

/** @typedef {import("../types/desk").ImageReference} ImageReference */

const NEW = "new";

/**
 * Asks which collection, an own one or a new one, and puts images into it.
 * @param {ImageReference[]} images
 */
export async function collectImages(images) {
  /** @type {import("../types/desk").CollectionList} */
  const { collections } = (await call("GET", "/v1/collections")).body;
  const own = collections.filter(({ owner, shared }) => owner === session.identity?.name || (shared && session.reviews));
  const which = element("select", { id: "which-collection" }, own.map(({ id, name }) => element("option", { value: id }, name)),
    element("option", { value: NEW }, "New collection…"));
  const name = element("input", { id: "new-collection", maxlength: 100, dir: "auto", autocomplete: "off", placeholder: "For a new collection" });
  if (!(await formDialog(`Add ${counted(images.length, "image")} to a collection`, "Add", [["Collection", which], ["Name", name]]))) return;
  const isNew = which.value === NEW || name.value.trim() !== "";
  const made = isNew
    ? (await call("POST", "/v1/collections", { body: { name: name.value.trim() || "Untitled", add: images } })).body
    : (await call("PATCH", `/v1/collections/${which.value}`, { body: { add: images } })).body;
  forgetFavourites();
  notice(`“${made.name}” has ${counted(made.count, "image")}.`);
}
