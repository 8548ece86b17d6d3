// A result, large, with what can be done with it.

import { call } from "./api.js";
import { button, element, fill } from "./element.js";
import { downloadButton, imageActions, openForm } from "./image_actions.js";
import { draggable } from "./image_files.js";
import { imagesOf } from "./image_viewer.js";
import { failed } from "./notices.js";
import { titleOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */

/**
 * @param {string} id The task's.
 * @param {number} index The image that is shown first.
 * @param {import("./image_actions.js").Use} [use]
 */
export async function showImages(id, index, use) {
  /** @type {Task} */
  const task = (await call("GET", `/v1/tasks/${encodeURIComponent(id)}`)).body;
  const images = imagesOf(task, task.attempt);
  let shown = Math.min(index, images.length - 1);
  if (shown < 0) return;

  const stage = element("div", { class: "lightbox" });
  const dialog = element("dialog", { class: "wide", "aria-labelledby": "image-title" },
    element("h2", { id: "image-title", dir: "auto", class: "clamped" }, titleOf(task)), stage,
    images.length > 1 && element("div", { class: "row", role: "group", "aria-label": "Images" },
      button("Previous", () => step(-1)), button("Next", () => step(1))),
    element("div", { class: "row", role: "group", "aria-label": "Image" },
      imageActions(id, () => shown, (...what) => {
        dialog.close();
        (use ?? openForm)(...what);
      }),
      downloadButton(id, () => shown)),
    element("div", { class: "row" }, button("Close", () => dialog.close(), { class: "primary" }),
      element("a", { class: "button", href: `#/task/${id}/${shown}`, onclick: () => dialog.close() }, "Open the task")));

  /** @param {number} by */
  function step(by) {
    shown = (shown + by + images.length) % images.length;
    draw();
  }

  function draw() {
    const { url, width, height, caption } = images[shown];
    fill(stage, element("figure", {}, draggable(element("img", { src: url, width, height, alt: caption }), id, shown),
      element("figcaption", {}, images.length > 1 ? `Image ${shown + 1} of ${images.length}, ` : "", `seed ${task.attempt.images[shown].seed}, ${width} × ${height}`)));
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
  });
  dialog.addEventListener("close", () => dialog.remove());
  draw();
  document.body.append(dialog);
  dialog.showModal();
}

/** Opens the images where a link of theirs is pressed, unless it is to open elsewhere. @param {string} id @param {number} index @param {import("./image_actions.js").Use} [use] */
export const opening = (id, index, use) => (/** @type {MouseEvent} */ event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showImages(id, index, use).catch(failed);
};
