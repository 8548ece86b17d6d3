// What of the starting image is painted anew: its mask, and the image if its canvas was made larger.

import { button, element, fill } from "./element.js";
import { editMask } from "./mask_editor.js";
import { failed } from "./notices.js";

/** @typedef {import("./mask_editor.js").EditedMask} EditedMask */
/** @typedef {import("../types/desk").Attempt} Attempt */
/** An image, or its URL. @typedef {{source: File | string, regions?: any[], reason?: string}} Source */

/**
 * @param {number} mostSide The longest side that the service draws.
 * @param {(there: boolean) => void} changed
 */
export function maskPart(mostSide, changed) {
  /** @type {Source | null} */
  let source = null;
  /** @type {EditedMask | null} */
  let edited = null;
  /** Whether the attempt before had a mask, which stays unless it is removed. */
  let had = false;
  let isRemoved = false;
  const node = element("div", { class: "dropped", id: "mask" });

  async function edit() {
    if (!source) return;
    const now = source;
    const made = await editMask({ ...now, drawing: edited?.drawing, mostSide });
    if (!made || source !== now) return;
    edited = made;
    show();
    node.querySelector("button")?.focus();
  }

  function show() {
    const stays = had && !isRemoved && !edited;
    changed(Boolean(edited) || stays);
    const remove = button("Remove mask", () => {
      [edited, isRemoved] = [null, true];
      show();
      node.querySelector("button")?.focus();
    }, { class: "quiet" });
    fill(node, edited?.preview,
      edited && element("p", {}, edited.image ? "A part of it is painted anew, on a larger canvas." : "A part of it is painted anew."),
      stays && element("p", {}, "The mask of the attempt before stays."),
      source && button(edited ? "Edit mask" : "Paint over a part", () => edit().catch(failed)),
      (edited || stays) && remove);
  }

  return {
    node,
    edit: () => edit().catch(failed),

    /** @param {Source | null} now */
    startFrom(now) {
      [source, edited] = [now, null];
      show();
    },

    /** @param {boolean} there */
    keep(there) {
      had = there;
      show();
    },

    /**
     * The mask's key: undefined leaves it as it was, null takes it away.
     * @param {(file: File) => Promise<string>} keyOf
     * @returns {Promise<{mask?: string | null, init_image?: string}>}
     */
    async read(keyOf) {
      if (!edited) return { mask: had && !isRemoved && !source ? undefined : null };
      const image = edited.image && { init_image: await keyOf(edited.image) };
      return { mask: await keyOf(edited.mask), ...image };
    },
  };
}
