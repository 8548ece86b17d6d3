// Which list a task was opened from, so that its page leads on through the list, and back.

/** @typedef {{page: string, title: string, ids: () => string[]}} Trail */

/** @type {Trail} */
let latest = { page: "library", title: "Library", ids: () => [] };

/** A page with a list says so when it opens. @param {string} page @param {string} title @param {() => string[]} ids In the order on the page. */
export function leaveTrail(page, title, ids) {
  latest = { page, title, ids };
}

export const trail = {
  get page() {
    return latest.page;
  },
  get title() {
    return latest.title;
  },

  /** The id so many places further on in the list, or back; null at its ends. @param {string} id @param {number} by */
  neighbour(id, by) {
    const ids = latest.ids();
    const index = ids.indexOf(id);
    return index < 0 ? null : ids[index + by] ?? null;
  },
};
