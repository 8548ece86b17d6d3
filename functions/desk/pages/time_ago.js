// How long ago something was, kept current while the page is open.

import { element } from "./element.js";
import { ago, at } from "./words.js";

const OFTEN = 1000;

/** @param {string} time */
export const timeAgo = (time) => element("time", { class: "ago", datetime: time, title: at(time) }, ago(time));

export function keepTimesCurrent() {
  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time.ago")) {
      const now = ago(/** @type {string} */ (time.getAttribute("datetime")));
      if (time.textContent !== now) time.textContent = now;
    }
  }, OFTEN);
}
