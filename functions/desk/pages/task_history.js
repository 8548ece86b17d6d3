// Who did what to a task, and when.

import { historyOf } from "./api.js";
import { element, fill } from "./element.js";
import { failed } from "./notices.js";
import { timeAgo } from "./time_ago.js";
import { changeName } from "./words.js";

/** @typedef {import("../types/desk").TaskEvent} TaskEvent */

export function taskHistory() {
  const list = element("ol", { class: "history" });
  const node = element("details", { open: true }, element("summary", {}, "History"), list);
  let shown = "";

  return {
    node,
    /**
     * @param {string} id
     * @param {number} version
     */
    async show(id, version) {
      const wanted = `${id} ${version}`;
      if (wanted === shown) return;
      shown = wanted;
      /** @type {TaskEvent[]} */
      let events;
      try {
        events = await historyOf(id);
      } catch (error) {
        shown = "";
        failed(error);
        return;
      }
      if (shown === wanted) fill(list, events.reverse().map(entry));
    },
  };
}

/** @param {TaskEvent} event */
function entry({ by, change, reason, at: time }) {
  return element("li", {},
    element("bdi", {}, by.name), ` ${changeName(change)} `,
    timeAgo(time),
    reason && [element("br"), element("q", { dir: "auto" }, reason)]);
}
