// Canvases of the editor, and the files that they become.

import { element } from "./element.js";

/** An image whose pixels may be read. @param {File | string} source @returns {Promise<HTMLImageElement>} */
export async function loaded(source) {
  const answer = typeof source === "string" ? await fetch(source).catch(() => null) : null;
  if (typeof source === "string" && !answer?.ok) throw new Error("The image could not be loaded. Try again.");
  const image = element("img", { src: URL.createObjectURL(answer ? await answer.blob() : /** @type {File} */ (source)), alt: "" });
  await image.decode();
  return image;
}

/** @param {HTMLCanvasElement} canvas */
export const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));

/** Whether nothing is white. @param {CanvasRenderingContext2D} context */
export function isBlack(context) {
  const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  for (let place = 0; place < data.length; place += 4) if (data[place] >= 128) return false;
  return true;
}

/** @param {HTMLCanvasElement} canvas @param {string} name @returns {Promise<File>} */
export const fileOf = (canvas, name) => new Promise((resolve, reject) => canvas.toBlob((blob) => {
  if (blob) resolve(new File([blob], name, { type: "image/png" }));
  else reject(new Error("The mask could not be saved: the image is too large for this browser."));
}, "image/png"));

/** The image with its mask, small. @param {HTMLCanvasElement} image @param {HTMLCanvasElement} mask */
export function preview(image, mask) {
  const canvas = element("canvas", { width: 72, height: 72, role: "img", "aria-label": "The image with its mask" });
  const context = contextOf(canvas);
  const side = Math.min(image.width, image.height);
  const from = /** @type {[number, number, number, number]} */ ([(image.width - side) / 2, (image.height - side) / 2, side, side]);
  context.drawImage(image, ...from, 0, 0, 72, 72);
  context.globalAlpha = 0.6;
  context.drawImage(mask, ...from, 0, 0, 72, 72);
  return canvas;
}

/** A labelled slider. @param {string} label @param {{min: number, max: number, value: number}} bounds */
export function range(label, bounds) {
  const input = element("input", { type: "range", min: bounds.min, max: bounds.max, value: String(bounds.value), "aria-label": label });
  return {
    node: element("label", { class: "slider" }, element("span", {}, label), input),
    get value() {
      return Number(input.value);
    },
    set value(now) {
      input.value = String(now);
    },
  };
}
