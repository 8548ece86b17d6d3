// A task in a few lines: its images or its progress, and what can be done with it.

import { element, fill } from "./element.js";
import { progressOf } from "./progress.js";
import { rejection } from "./rejection.js";
import { moveButtons } from "./task_moves.js";
import { timeAgo } from "./time_ago.js";
import { statusName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */

/**
 * @param {(task: ListedTask) => void} moved
 * @param {() => void} stale Called when an image's URL no longer works.
 */
export function taskCard(moved, stale) {
  const images = element("div", { class: "images" });
  const words = element("div", { class: "words" });
  const moves = element("div", { class: "row" });
  const node = element("article", { class: "card" }, images, words, moves);
  let drawn = "";
  let shown = "";

  return {
    node,

    /** Loads the same images from new URLs. */
    forget() {
      shown = "";
    },

    /** @param {Task | ListedTask} task */
    show(task) {
      const { attempt } = task;
      // A list has no progress.
      const progress = "progress" in task ? task.progress : null;
      const first = attempt.images[0];
      const now = first ? attempt.images.map((image) => image.sha256).join() : `${progress?.step} ${progress?.stage}`;
      if (now !== shown) {
        shown = now;
        fill(images, first
          ? attempt.images.map((image) => element("a", { href: `#/task/${task.id}`, tabindex: -1, "aria-hidden": "true" },
            element("img", { src: image.thumbnail_url, width: 96, height: 96, alt: "", onerror: stale })))
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
        rejection(attempt.rejection));
      fill(moves, moveButtons(task, moved));
    },
  };
}
