// Handles on the four sides of an image, by which its canvas is made larger.

import { element } from "./element.js";
import { NOT_EXTENDED, SIDES, extended } from "./outpainting.js";

/** @typedef {import("./outpainting.js").Extension} Extension */
/** @typedef {import("./outpainting.js").Side} Side */

/** Pixels for each press of a key. */
const STEP = 64;
/** Which way is outwards, as the keys and the pointer have it. @type {Record<Side, {out: string, in: string, x: number, y: number, name: string}>} */
const WAYS = {
  left: { out: "ArrowLeft", in: "ArrowRight", x: -1, y: 0, name: "to the left" },
  right: { out: "ArrowRight", in: "ArrowLeft", x: 1, y: 0, name: "to the right" },
  top: { out: "ArrowUp", in: "ArrowDown", x: 0, y: -1, name: "upwards" },
  bottom: { out: "ArrowDown", in: "ArrowUp", x: 0, y: 1, name: "downwards" },
};

/**
 * @param {object} options
 * @param {{width: number, height: number}} options.image
 * @param {number} options.mostSide
 * @param {() => number} options.scale Pixels of the page for one of the image.
 * @param {(extension: Extension, words: string) => void} options.changed
 */
export function extendingHandles({ image, mostSide, scale, changed }) {
  let extension = NOT_EXTENDED;

  /** @param {Side} side @param {number} value */
  function set(side, value) {
    const next = extended(extension, side, value, image, mostSide);
    if (next[side] === extension[side]) return;
    extension = next;
    changed(extension, `Extended ${WAYS[side].name} by ${extension[side]} pixels.`);
  }

  const handles = SIDES.map((side) => {
    const way = WAYS[side];
    const isAcross = way.x !== 0;
    const node = element("div", {
      class: `handle ${side}`, role: "slider", tabindex: 0, "aria-label": `Extend ${way.name}`, title: `Extend ${way.name}`,
      "aria-orientation": isAcross ? "horizontal" : "vertical", "aria-valuemin": 0, "aria-valuemax": mostSide,
    });
    /** Where a drag began. @type {{x: number, y: number, value: number, scale: number} | null} */
    let began = null;
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      node.focus({ preventScroll: true });
      node.setPointerCapture(event.pointerId);
      began = { x: event.clientX, y: event.clientY, value: extension[side], scale: scale() };
    });
    node.addEventListener("pointermove", (event) => {
      if (!began) return;
      const moved = (event.clientX - began.x) * way.x + (event.clientY - began.y) * way.y;
      set(side, began.value + moved / began.scale);
    });
    for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, () => (began = null));
    node.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? STEP / 8 : STEP;
      const by = { [way.out]: step, [way.in]: -step, Home: -extension[side] }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(side, extension[side] + by);
    });
    return node;
  });

  return {
    nodes: handles,

    /** @param {Extension} now */
    show(now) {
      extension = now;
      SIDES.forEach((side, index) => {
        handles[index].setAttribute("aria-valuenow", String(now[side]));
        handles[index].setAttribute("aria-valuetext", `${now[side]} pixels`);
      });
    },
  };
}
