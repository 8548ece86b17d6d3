// Sizes of images that suit a model: those that SDXL was trained on, scaled to the pixels that the model was made for.

/** @typedef {{ratio: string, width: number, height: number}} Size */

/** Width and height where the model's own are 1024 each, widest last. @type {Record<string, [number, number]>} */
const TRAINED = { "1:1": [1024, 1024], "5:4": [1152, 896], "3:2": [1216, 832], "16:9": [1344, 768], "12:5": [1536, 640] };
const LEAST = 64;
const MULTIPLE = 8;

/** The sizes in landscape, with about as many pixels as a square with this side. @param {number} side @returns {Size[]} */
export const sizesFor = (side) => Object.entries(TRAINED).map(([ratio, [width, height]]) =>
  ({ ratio, width: fitting((width * side) / 1024), height: fitting((height * side) / 1024) }));

/** @param {number} pixels */
const fitting = (pixels) => Math.max(LEAST, Math.round(pixels / MULTIPLE) * MULTIPLE);

/** The other way round. @param {Size} size @returns {Size} */
export const swapped = ({ ratio, width, height }) => ({ ratio: ratio.split(":").reverse().join(":"), width: height, height: width });
