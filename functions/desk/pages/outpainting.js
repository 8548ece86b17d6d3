// An image on a larger canvas: how much is added on which side, and what stands there at first.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Extension */
/** @typedef {keyof Extension} Side */

/** @type {Side[]} */
export const SIDES = ["left", "top", "right", "bottom"];
/** @type {Extension} */
export const NOT_EXTENDED = { left: 0, top: 0, right: 0, bottom: 0 };
/** The model's sizes are multiples of this. */
const MULTIPLE = 8;
/** How far the mask reaches into the image, so that what is new joins on. */
const OVERLAP = 16;

/** @param {Extension} extension */
export const isExtended = (extension) => SIDES.some((side) => extension[side] > 0);

/**
 * The extension with another value on a side, within what the service draws.
 * @param {Extension} extension
 * @param {Side} side
 * @param {number} value
 * @param {{width: number, height: number}} image
 * @param {number} most
 * @returns {Extension}
 */
export function extended(extension, side, value, image, most) {
  const [length, other] = side === "left" ? [image.width, extension.right] : side === "right" ? [image.width, extension.left]
    : side === "top" ? [image.height, extension.bottom] : [image.height, extension.top];
  const room = Math.floor(Math.max(0, most - length - other) / MULTIPLE) * MULTIPLE;
  return { ...extension, [side]: Math.min(room, Math.max(0, Math.round(value / MULTIPLE) * MULTIPLE)) };
}

/**
 * The size of the whole, which is a multiple of what the model's sizes are where something is added.
 * @param {{width: number, height: number}} image
 * @param {Extension} extension
 */
export function sizeWith({ width, height }, extension) {
  if (!isExtended(extension)) return { width, height };
  const whole = (/** @type {number} */ length) => Math.ceil(length / MULTIPLE) * MULTIPLE;
  return { width: whole(width + extension.left + extension.right), height: whole(height + extension.top + extension.bottom) };
}

/**
 * The image on its larger canvas, its edges continued.
 * @param {HTMLImageElement} image
 * @param {Extension} extension
 */
export function onLargerCanvas(image, extension) {
  const [wide, high] = [image.naturalWidth, image.naturalHeight];
  const size = sizeWith({ width: wide, height: high }, extension);
  const canvas = Object.assign(document.createElement("canvas"), size);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { left, top } = extension;
  const [right, bottom] = [size.width - left - wide, size.height - top - high];
  // From, length, to, length: the first pixels, all of them, the last ones.
  const columns = [[0, 1, 0, left], [0, wide, left, wide], [wide - 1, 1, left + wide, right]];
  const rows = [[0, 1, 0, top], [0, high, top, high], [high - 1, 1, top + high, bottom]];
  for (const [x, width, toX, toWidth] of columns) {
    for (const [y, height, toY, toHeight] of rows) {
      if (toWidth > 0 && toHeight > 0) context.drawImage(image, x, y, width, height, toX, toY, toWidth, toHeight);
    }
  }
  return canvas;
}

/**
 * Fills what is new, and a seam of the image beside it.
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} image
 * @param {Extension} extension
 */
export function fillNew(context, { width, height }, extension) {
  if (!isExtended(extension)) return;
  const { canvas } = context;
  const inner = (/** @type {number} */ added) => (added > 0 ? added + OVERLAP : 0);
  const { left, top } = extension;
  const [right, bottom] = [canvas.width - left - width, canvas.height - top - height];
  context.fillRect(0, 0, inner(left), canvas.height);
  context.fillRect(0, 0, canvas.width, inner(top));
  context.fillRect(canvas.width - inner(right), 0, inner(right), canvas.height);
  context.fillRect(0, canvas.height - inner(bottom), canvas.width, inner(bottom));
}
