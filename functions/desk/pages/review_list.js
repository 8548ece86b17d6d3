// The list at the side of Review: filters, the tasks, and what can be done with the selected ones.

import { button, element, fill } from "./element.js";
import { filterBar } from "./filter_bar.js";
import { timeAgo } from "./time_ago.js";
import { approvalsOf, counted, ordinal, titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */
/** @typedef {import("./review_queue.js").ReviewQueue} ReviewQueue */
/** @typedef {import("./filters.js").Filters} Filters */

/**
 * @typedef {object} Events
 * @property {(task: ListedTask) => void} show
 * @property {(id: string, on: boolean, through: boolean) => void} choose
 * @property {() => void} filter Called after the filters have changed.
 * @property {(tasks: ListedTask[]) => unknown} approve
 * @property {(tasks: ListedTask[]) => unknown} reject
 * @property {(tasks: ListedTask[]) => unknown} publish
 * @property {(tasks: ListedTask[]) => void} compare
 * @property {(tasks: ListedTask[]) => void} claim
 * @property {() => void} clear
 * @property {() => void} stale Called when an image's URL no longer works.
 */

/**
 * @param {ReviewQueue} queue
 * @param {Filters} filters
 * @param {Events} events
 */
export function reviewList(queue, filters, events) {
  const count = element("p", { class: "count", role: "status" });
  const list = element("ol", { class: "queue", "aria-label": "Tasks" });
  const bulk = element("div", { class: "bulk row", role: "group", "aria-label": "Selection" });
  const node = element("section", { class: "side-list", "aria-label": "Queue" },
    filterBar({
      page: "review", filters, statusLabel: "Show", changed: events.filter,
      statuses: [["awaiting_approval", "Awaiting approval"], ["approved", "Approved, not published"]],
    }), count, bulk, list);
  let drawn = "";

  /** @param {ListedTask} task */
  function item(task) {
    const box = element("input", { type: "checkbox", checked: queue.selected.has(task.id), "aria-label": `Select ${titleOf(task)}` });
    box.addEventListener("click", (event) => events.choose(task.id, box.checked, event.shiftKey));
    const image = task.attempt.images[0];
    return element("li", { "data-id": task.id }, box,
      element("button", { type: "button", "aria-current": task.id === queue.current ? "true" : null, onclick: () => events.show(task) },
        image && element("img", { src: image.thumbnail_url, width: 56, height: 56, alt: "", onerror: events.stale }),
        element("span", {}, element("span", { dir: "auto", class: "title" }, titleOf(task)), element("small", {}, ...about(task)))));
  }

  /** Whose task it is, how old, and what else one chooses by. @param {ListedTask} task */
  function about(task) {
    const { owner, created_at, attempt, reviewer, open_comment_count: open } = task;
    const approvals = approvalsOf(task);
    return [
      element("bdi", {}, owner), " · ", timeAgo(created_at),
      attempt.images.length > 1 && ` · ${attempt.images.length} images`, attempt.number > 1 && ` · ${ordinal(attempt.number)} attempt`,
      reviewer && ` · reviewed by ${reviewer.name}`, open > 0 && ` · ${counted(open, "open comment")}`, approvals && ` · ${approvals}`,
    ];
  }

  /** Where the task in view stands in the list. @param {ListedTask[]} tasks */
  function position(tasks) {
    const place = tasks.findIndex((task) => task.id === queue.current) + 1;
    const all = queue.hasMore ? `${tasks.length}+` : String(tasks.length);
    return place > 0 ? `${place} of ${all}` : queue.hasMore ? `${all} tasks` : counted(tasks.length, "task");
  }

  /** @param {ListedTask[]} chosen */
  function actions(chosen) {
    const decides = filters.status === "awaiting_approval";
    const publishes = filters.status === "approved" && chosen.every(({ next_moves }) => next_moves.includes("publish"));
    return [
      publishes && button(`Publish ${chosen.length}`, () => events.publish(chosen), { class: "primary" }),
      decides && button(`Approve ${chosen.length}`, () => events.approve(chosen), { class: "approve" }),
      decides && button(`Reject ${chosen.length}`, () => events.reject(chosen), { class: "reject" }),
      decides && button(`Claim ${chosen.length}`, () => events.claim(chosen)),
      chosen.length > 1 && button("Compare", () => events.compare(chosen)),
      button("Clear selection", events.clear, { class: "quiet" }),
      decides && element("small", {}, "The keys A and R decide on these."),
      publishes && element("small", {}, "The key B publishes these."),
    ];
  }

  /** Scrolls the list alone: the page stays where it is. */
  function showCurrent() {
    const item = list.querySelector("[aria-current]")?.getBoundingClientRect();
    const visible = list.getBoundingClientRect();
    if (item && item.bottom > visible.bottom) list.scrollTop += item.bottom - visible.bottom;
    if (item && item.top < visible.top) list.scrollTop -= visible.top - item.top;
  }

  return {
    node,

    /** Whether the images of tasks are there to be judged. @param {ListedTask[]} tasks */
    areSeen: (tasks) => tasks.every(({ id }) => {
      const image = list.querySelector(`[data-id="${id}"] img`);
      return !(image instanceof HTMLImageElement) || (image.complete && image.naturalWidth > 0);
    }),

    /** Draws the list anew, whether it has changed or not. */
    forget() {
      drawn = "";
    },

    draw() {
      const tasks = queue.open();
      const chosen = queue.chosen();
      const state = JSON.stringify([tasks.map((task) => [task.id, task.version, task.reviewer?.name, task.open_comment_count]), queue.current, [...queue.selected], filters, queue.hasMore]);
      if (state === drawn) return;
      drawn = state;
      fill(count, position(tasks));
      const focused = document.activeElement?.closest("li")?.getAttribute("data-id");
      const name = document.activeElement?.tagName;
      fill(list, tasks.map(item));
      if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${focused}"] ${name}`))?.focus();
      showCurrent();
      fill(bulk, chosen.length > 0 && actions(chosen));
    },
  };
}
