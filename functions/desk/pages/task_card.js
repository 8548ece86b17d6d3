// A task in a few lines: its images or its progress, and what can be done with it.

import { button, element, fill } from "./element.js";
import { openForm } from "./image_actions.js";
import { opening } from "./image_dialog.js";
import { draggable } from "./image_files.js";
import { placeText, progressOf } from "./progress.js";
import { rejection } from "./rejection.js";
import { moveButtons } from "./task_moves.js";
import { timeAgo } from "./time_ago.js";
import { statusName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */

/**
 * @param {(task: ListedTask) => void} moved
 * @param {() => void} stale Called when an image's URL no longer works.
 * @param {import("./image_actions.js").Use} [use] What is done with an image that is reused.
 */
export function taskCard(moved, stale, use = openForm) {
  const images = element("div", { class: "images" });
  const words = element("div", { class: "words" });
  const place = element("p", { class: "state", hidden: true });
  const moves = element("div", { class: "row" });
  const node = element("article", { class: "card" }, images, words, place, moves);
  let drawn = "";
  let shown = "";

  return {
    node,

    /** Loads the same images from new URLs. */
    forget() {
      shown = "";
    },

    /** @param {Task | ListedTask} task @param {import("../types/desk").Queue | null} [queue] What waits, as far as it is known. */
    show(task, queue = null) {
      place.textContent = task.status === "pending" ? placeText(queue, task.id) : "";
      place.hidden = !place.textContent;
      const { attempt } = task;
      // A list has no progress.
      const progress = "progress" in task ? task.progress : null;
      const first = attempt.images[0];
      const now = first ? attempt.images.map((image) => image.sha256).join() : `${progress?.step} ${progress?.stage}`;
      if (now !== shown) {
        shown = now;
        fill(images, first
          ? attempt.images.map((image) => element("a", { href: `#/task/${task.id}/${image.index}`, onclick: opening(task.id, image.index, use) },
            draggable(element("img", {
              src: image.thumbnail_url, width: 96, height: 96, alt: `Open image ${image.index + 1}: ${titleOf(task)}`, onerror: stale,
            }), task.id, image.index)))
          : progress && progressOf(progress));
      }
      // Buttons stay as they are while only the progress changes: somebody may be about to press one.
      if (drawn === `${task.version}`) return;
      drawn = `${task.version}`;
      fill(words,
        element("a", { href: `#/task/${task.id}`, dir: "auto" }, titleOf(task)),
        element("p", { class: "state" }, element("span", { class: `status ${task.status}` }, statusName(task.status)), " ",
          timeAgo(task.created_at)),
        attempt.warnings.map((text) => element("p", { class: "warning", dir: "auto" }, text)),
        attempt.failure && element("p", { class: "warning" }, attempt.failure.reason),
        rejection(attempt.rejection),
        task.status === "cancelled" && task.cancellation?.note && element("p", {}, element("q", { dir: "auto" }, task.cancellation.note)));
      fill(moves, moveButtons(task, moved),
        button("New seed", () => use(task.id, "more", 0), { class: "quiet", title: "The same settings with a new seed" }),
        button("Reuse settings", () => use(task.id, "settings", 0), { class: "quiet" }));
    },
  };
}
