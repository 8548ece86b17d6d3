// Who rejected an attempt, and why; what a decision says of single images.

import { element } from "./element.js";
import { marksLayer } from "./marks.js";

/** @typedef {import("../types/desk").Note} Note */

/** @param {Note | null | undefined} decision */
export const rejection = (decision) => decision &&
  element("div", {},
    element("p", {}, "Rejected by ", element("bdi", {}, decision.by), ": ", element("q", { dir: "auto" }, decision.note ?? "")),
    remarks(decision));

/**
 * Notes to single images, and places in them.
 * @param {Note | null | undefined} decision
 */
export function remarks(decision) {
  const notes = decision?.notes ?? [];
  const regions = decision?.regions ?? [];
  if (notes.length + regions.length === 0) return null;
  return element("ul", { class: "remarks", "aria-label": "Said of images" },
    notes.map(({ image, note }) => element("li", {}, `Image ${image + 1}: `, element("q", { dir: "auto" }, note))),
    regions.map(({ image, note }, index) => element("li", {}, `Image ${image + 1}, place ${index + 1}`, note ? [": ", element("q", { dir: "auto" }, note)] : "")));
}

/**
 * The places of a decision as marks on the images.
 * @param {Note | null | undefined} decision
 * @returns {import("./marks.js").Mark[]}
 */
export const placesOf = (decision) => (decision?.regions ?? []).map(({ image, note: _, ...region }, index) => ({ image, region, label: String(index + 1), flaw: true }));

/**
 * The small images of an attempt in which a rejection marks places.
 * @param {{images: {index: number, thumbnail_url: string, width: number, height: number}[], rejection?: Note | null}} attempt
 */
export function markedImages({ images, rejection: decision }) {
  const places = placesOf(decision);
  const marked = images.filter(({ index }) => places.some(({ image }) => image === index));
  return marked.length > 0 && element("div", { class: "row" }, marked.map(({ index, thumbnail_url: src, width, height }) => {
    const layer = marksLayer(width, height, 3);
    layer.show(places.filter(({ image }) => image === index));
    const label = `Image ${index + 1} with the marked places`;
    return element("div", { class: "marked" }, element("img", { src, width: 160, height: 160, alt: label }), layer.node);
  }));
}
