// Short messages, in a region that screen readers announce.

import { Unreachable } from "./api.js";
import { button, element } from "./element.js";

const LASTS = 8000;

/** The region that notices are in. It is part of what is in full screen, since nothing else is seen then. */
export const region = () => /** @type {HTMLElement} */ (document.getElementById("notices"));

document.addEventListener("fullscreenchange", () => (document.fullscreenElement ?? document.body).append(region()));

/**
 * Shows a notice until it is closed, or for a while if there is nothing to act on.
 * @param {string | HTMLElement} text The same text again takes the place of the first.
 * @param {{kind?: "done" | "wrong", actions?: HTMLElement[], lasts?: boolean}} [options]
 * @returns {() => void} Removes it.
 */
export function notice(text, { kind = "done", actions = [], lasts = kind === "wrong" } = {}) {
  const made = element("div", { class: `notice ${kind}` }, element("p", {}, text), actions);
  for (const other of region().children) if (typeof text === "string" && other.querySelector("p")?.textContent === text) other.remove();
  const remove = () => made.remove();
  made.append(button("Close", remove, { class: "quiet" }));
  region().append(made);
  if (!lasts) setTimeout(remove, LASTS);
  return remove;
}

/** @param {unknown} error */
export function failed(error) {
  // The page says so above everything else.
  if (error instanceof Unreachable) return;
  notice(sentence(error instanceof Error ? error.message : String(error)), { kind: "wrong" });
}

/**
 * The service's messages begin with a small letter.
 * @param {string} text
 */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
