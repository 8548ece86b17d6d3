// Copying text for use elsewhere.

import { notice } from "./notices.js";

/** @param {string} text @param {string} what */
export function copy(text, what) {
  const shown = () => notice(`${what}: ${text}`, { lasts: true });
  // Browsers have no clipboard for pages that came over plain HTTP.
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => notice(`${what} copied.`), shown);
  else shown();
}
