// A task in a few lines: its picture or how far it is, and what can be done with it.

import { element, fill } from "./element.js";
import { progressOf } from "./progress.js";
import { rejection } from "./rejection.js";
import { moveButtons } from "./task_moves.js";
import { timeAgo } from "./time_ago.js";
import { statusName, titleOf } from "./words.js";

/** @typedef {import("../types/api").Task} Task */

/**
 * @param {(task: Task) => void} moved
 * @param {() => void} stale Called when a picture's URL does not work any more.
 */
export function taskCard(moved, stale) {
  const picture = element("div", { class: "picture" });
  const words = element("div", { class: "words" });
  const moves = element("div", { class: "row" });
  const node = element("article", { class: "card" }, picture, words, moves);
  let drawn = "";
  let pictured = "";

  return {
    node,

    /** Loads the same pictures from new URLs. */
    forget() {
      pictured = "";
    },

    /** @param {Task} task */
    show(task) {
      const { progress, attempt } = task;
      const first = attempt.pictures[0];
      const now = first ? attempt.pictures.map((picture) => picture.sha256).join() : `${progress?.step} ${progress?.stage}`;
      if (now !== pictured) {
        pictured = now;
        fill(picture, first
          ? attempt.pictures.map((drawn) => element("img", { src: drawn.thumbnail_url, width: 96, height: 96, alt: "", onerror: stale }))
          : progress && progressOf(progress));
      }
      // Buttons stay as they are while only the progress moves: somebody may be about to press one.
      if (drawn === `${task.version}`) return;
      drawn = `${task.version}`;
      fill(words,
        element("a", { href: `#/task/${task.id}`, dir: "auto" }, titleOf(task)),
        element("p", { class: "state" }, element("span", { class: `status ${task.status}` }, statusName(task.status)), " ",
          timeAgo(task.created_at)),
        attempt.failure && element("p", { class: "warning" }, attempt.failure.reason),
        rejection(attempt.rejection));
      fill(moves, moveButtons(task, moved));
    },
  };
}
