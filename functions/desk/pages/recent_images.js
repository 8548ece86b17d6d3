// The person's latest tasks, as they are generated.

import { Resource, query } from "./api.js";
import { element, fill } from "./element.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { taskCard } from "./task_card.js";
import { leaveTrail } from "./trail.js";
import { throttled, watch } from "./watch.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */
/** @typedef {import("../types/desk").TaskPage} TaskPage */
/** @typedef {import("../types/desk").Queue} Queue */

const COUNT = 12;
/** How far the queue is looked at for them. */
const WAITING = 50;

/** @param {import("./image_actions.js").Use} use */
export function recentImages(use) {
  const cards = element("div", { class: "cards" });
  const node = element("section", { class: "recent", "aria-label": "Your recent images" },
    element("h2", {}, "Your recent images"), cards);
  /** @type {Map<string, {card: ReturnType<typeof taskCard>, progress: Resource<Task>}>} */
  const shown = new Map();
  /** @returns {Resource<TaskPage>} */
  const newList = () => new Resource(`/v1/tasks?${query({ owner: session.identity?.name, limit: COUNT })}`);
  let list = newList();
  /** @type {Resource<Queue>} */
  const queue = new Resource(`/v1/queue?${query({ limit: WAITING })}`);

  const renewUrls = throttled(() => {
    for (const { card } of shown.values()) card.forget();
    list = newList();
    watching.now();
  });

  leaveTrail("create", "Create", () => (list.value?.tasks ?? []).map(({ id }) => id));

  /** @param {string} id */
  function entryOf(id) {
    const known = shown.get(id);
    if (known) return known;
    const entry = { card: taskCard(() => watching.now(), renewUrls, use), progress: new Resource(`/v1/tasks/${id}`) };
    shown.set(id, entry);
    return entry;
  }

  /** @param {ListedTask[]} tasks */
  function removeOthers(tasks) {
    for (const [id, { card }] of shown) {
      if (tasks.some((task) => task.id === id)) continue;
      card.node.remove();
      shown.delete(id);
    }
  }

  const watching = watch(async (signal) => {
    const asked = list;
    let changed = await asked.load(signal);
    const tasks = asked.value?.tasks ?? [];
    removeOthers(tasks);
    const waits = tasks.some(({ status }) => status === "pending");
    if (waits) await queue.load(signal);
    for (const [index, task] of tasks.entries()) {
      const { card, progress } = entryOf(task.id);
      if (cards.children[index] !== card.node) cards.insertBefore(card.node, cards.children[index] ?? null);
      if (task.status !== "in_progress" && task.status !== "paused") {
        card.show(task, queue.value);
        continue;
      }
      // A list has no progress.
      changed = (await progress.load(signal)) || changed;
      card.show(progress.value ?? task);
    }
    if (tasks.length === 0) fill(cards, element("p", { class: "empty" }, "Nothing yet."));
    else cards.querySelector(".empty")?.remove();
    return changed || tasks.some((task) => task.status === "pending" || task.status === "in_progress");
  }, failed);

  return { node, now: watching.now, stop: watching.stop };
}
