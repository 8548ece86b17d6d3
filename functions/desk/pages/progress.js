// How far a task's generation is, with its preview.

import { element } from "./element.js";
import { duration } from "./words.js";

/** @typedef {import("../types/desk").Progress} Progress */

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
