// A task's image as a file: to keep, to start from, or dragged from one place of the desk to another.

import { call } from "./api.js";
import { notice } from "./notices.js";
import { element } from "./element.js";

/** @typedef {import("../types/desk").Task} Task */

/** What a dragged image is, between pages of the desk. */
const DRAGGED = "application/x-easel-image";

/** @param {{id: string, attempt: {number: number}}} task @param {number} index */
export const fileName = ({ id, attempt }, index) => `easel-${id}-${attempt.number}-${index}.png`;

/** @param {string} url @param {string} name @returns {Promise<File>} */
export async function fetchImage(url, name) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Error("the image could not be downloaded: try again");
  return new File([await response.blob()], name, { type: "image/png" });
}

/** The file of a task's image. @param {string} id @param {number} index @param {AbortSignal} [signal] */
export async function imageFile(id, index, signal) {
  /** @type {Task} */
  const task = (await call("GET", `/v1/tasks/${encodeURIComponent(id)}`, { signal })).body;
  const image = task.attempt.images.find((image) => image.index === index);
  if (!image) throw new Error("the image is not there any more");
  return fetchImage(image.url, fileName(task, index));
}

/** Saves a file as the browser saves downloads. @param {File} file */
export function saveFile(file) {
  const address = URL.createObjectURL(file);
  element("a", { href: address, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  notice(`Downloaded ${file.name}.`);
}

/** Lets an element be dragged as a task's image. @param {HTMLElement} node @param {string} id @param {number} index */
export function draggable(node, id, index) {
  node.draggable = true;
  node.addEventListener("dragstart", (event) => {
    event.dataTransfer?.setData(DRAGGED, JSON.stringify({ id, index }));
  });
  return node;
}

/** Whether an image of the desk was dropped on the list that it is from, which means nothing. @param {DragEvent} event */
const isBack = ({ dataTransfer, target }) =>
  Boolean(dataTransfer?.types.includes(DRAGGED)) && target instanceof Element && target.closest(".recent") !== null;

/** The file that is dropped: from the person's own files, or an image of the desk. @param {DragEvent} event @returns {Promise<File | undefined>} */
export async function droppedFile(event) {
  if (isBack(event)) return undefined;
  const dragged = event.dataTransfer?.getData(DRAGGED);
  if (!dragged) return event.dataTransfer?.files[0];
  const { id, index } = JSON.parse(dragged);
  return imageFile(id, index);
}
