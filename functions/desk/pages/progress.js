// How far a task's generation is, with its preview.

import { element } from "./element.js";
import { duration, ordinal } from "./words.js";

/** @typedef {import("../types/desk").Progress} Progress */
/** @typedef {import("../types/desk").Queue} Queue */

/** @param {Progress} progress */
export function progressText({ step, total, stage, remaining_seconds }) {
  const left = remaining_seconds ? `, about ${duration(remaining_seconds)} left` : "";
  const part = stage && stage !== "start" ? ` (${stage})` : "";
  return total > 0 ? `Step ${step} of ${total}${part}${left}` : "Starting…";
}

/** @param {Progress} progress */
export function progressOf(progress) {
  const { step, total, preview } = progress;
  return element("div", { class: "progress" },
    preview && element("img", { src: preview, alt: "Preview" }),
    element("progress", { max: total || 1, value: step, "aria-label": "Steps" }),
    element("p", {}, progressText(progress)));
}

/**
 * Where a task stands in the queue, as far as that is known.
 * @param {Queue | null | undefined} queue
 * @param {string} id
 */
export function placeText(queue, id) {
  const place = queue?.tasks.find((task) => task.id === id);
  if (!queue || !place) return "";
  const where = `${ordinal(place.position)} in the queue`;
  if (queue.paused) return `${where}, which is paused`;
  const seconds = place.starts_in_seconds;
  return seconds === null || seconds === undefined ? where : seconds < 1 ? `${where}, next` : `${where}, in about ${duration(seconds)}`;
}
