// How many tasks wait for a decision: a number beside the name of Review.

import { Resource, query } from "./api.js";
import { element } from "./element.js";
import { outbox } from "./outbox.js";
import { session } from "./session.js";
import { watch } from "./watch.js";

/** @typedef {import("../types/desk").Queue} Queue */

/** @param {HTMLElement} link The link to the page. @returns {import("./desk.js").Badge} */
export function reviewBadge(link) {
  const count = element("span", { class: "badge", hidden: true });
  link.append(" ", count);
  /** @type {Resource<Queue>} */
  const queue = new Resource(`/v1/queue?${query({ limit: 1 })}`);
  let before = -1;
  const watching = watch(async (signal) => {
    if (!session.reviews) return false;
    await queue.load(signal);
    const waiting = queue.value?.awaiting_approval ?? 0;
    count.hidden = waiting === 0;
    count.textContent = waiting > 999 ? "999+" : `${waiting || ""}`;
    if (waiting > 0) link.setAttribute("aria-label", `Review, ${waiting} waiting`);
    else link.removeAttribute("aria-label");
    const changed = waiting !== before;
    before = waiting;
    return changed;
  });
  outbox.addEventListener("sent", watching.now);
  return {
    node: count,
    stop() {
      watching.stop();
      outbox.removeEventListener("sent", watching.now);
    },
  };
}
