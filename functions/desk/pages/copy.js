// Copying text.

import { notice } from "./notices.js";

/**
 * Copies a text, or shows it where the browser has no clipboard for the page.
 * @param {string} text
 * @param {string} what It is, for the notice.
 */
export function copy(text, what) {
  const shown = () => notice(`${what}: ${text}`, { lasts: true });
  // Browsers have no clipboard for pages that came over plain HTTP.
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => notice(`${what} copied.`), shown);
  else shown();
}
