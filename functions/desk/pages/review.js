// Review: the images that wait for a decision, one task after the other.

import { Problem, Resource, query } from "./api.js";
import { claim } from "./claims.js";
import { approve, publish, reject } from "./decisions.js";
import { button, element, fill } from "./element.js";
import { fromAddress } from "./filter_bar.js";
import { parametersOf } from "./filters.js";
import { imagesOf, loadAhead } from "./image_viewer.js";
import { listenForKeys } from "./keys.js";
import { failed, notice } from "./notices.js";
import { holds, outbox } from "./outbox.js";
import { session } from "./session.js";
import { reviewList } from "./review_list.js";
import { ReviewQueue } from "./review_queue.js";
import { listenForSwipes } from "./swipe.js";
import { taskPanel } from "./task_panel.js";
import { leaveTrail } from "./trail.js";
import { throttled, watch } from "./watch.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */
/** @typedef {import("../types/desk").TaskPage} TaskPage */

const LIMIT = 100;
/** Kept for when one returns to the page, and in its address. @type {import("./filters.js").Filters} */
const filters = { status: "awaiting_approval" };

/** @type {import("./desk.js").Page} */
export function review(main) {
  fromAddress("review", filters);
  filters.status ||= "awaiting_approval";
  // Who has approved a task that takes several approvals is done with it.
  /** @type {ReviewQueue} */
  const queue = new ReviewQueue((id) => {
    const task = queue.waiting.find((other) => other.id === id);
    return holds(id) || Boolean(task?.attempt.approvals.some(({ by }) => by === session.identity?.name));
  });
  const service = reviewRequests(queue);
  const list = reviewList(queue, filters, {
    show: go,
    choose,
    filter: () => {
      queue.clear();
      panel.hide();
      reload();
      draw();
    },
    approve: (tasks) => approveSelected(tasks),
    reject: (tasks) => rejectSelected(tasks),
    publish: (tasks) => publishSelected(tasks),
    compare: (tasks) => compare(tasks).catch(failed),
    claim: (tasks) => take(tasks).catch(failed),
    clear: clearSelection,
    stale: () => stale(),
  });
  const panel = taskPanel({
    decided: (task) => {
      queue.selected.delete(task.id);
      go(queue.after(task.id));
    },
    moved: () => watching.now(),
    stale: () => stale(),
  });
  const empty = element("div", { class: "empty" });
  const steps = element("div", { class: "row", role: "group", "aria-label": "Go to" },
    button("Previous", () => step(-1)), button("Next", () => step(1)));
  fill(main, list.node, element("div", { class: "work" }, steps, empty, panel.node));
  panel.hide();
  listenForSwipes(panel.viewer.stage, step);

  function draw() {
    steps.hidden = queue.current === null;
    empty.hidden = queue.current !== null;
    const open = queue.open().length;
    const done = open === 0;
    document.title = `${done ? "" : `(${open}${queue.hasMore ? "+" : ""}) `}Review · Easel`;
    if (done !== empty.hasChildNodes()) {
      fill(empty, done && [element("h1", {}, "All caught up"), element("p", {}, "New images appear here automatically."),
        element("p", {}, element("a", { class: "button", href: "#/create" }, "Create images"))]);
    }
    list.draw();
  }

  /** @param {ListedTask | null} task */
  function go(task) {
    queue.current = task?.id ?? null;
    const whole = service.show(queue.current);
    // What is listed is not all of it: until the rest is there, nothing is shown, least of all the task before.
    if (whole) panel.show(whole);
    else panel.hide();
    draw();
    watching.now();
  }

  /** Shows the first task's images and those of the others beside it. @param {ListedTask[]} tasks */
  async function compare(tasks) {
    const [first] = tasks;
    go(first);
    const [shown, ...others] = await Promise.all(tasks.map(({ id }) => service.whole(id)));
    if (queue.current !== first.id) return;
    panel.show(shown);
    panel.compareWith(others.flatMap((task) => imagesOf(task, task.attempt)));
  }

  /** @param {number} by */
  function step(by) {
    const task = queue.neighbour(by);
    if (task) go(task);
  }

  /** @param {string} id @param {boolean} on @param {boolean} through */
  function choose(id, on, through) {
    queue.choose(id, on, through);
    draw();
  }

  function clearSelection() {
    queue.selected.clear();
    if (queue.current && holds(queue.current)) go(queue.after(queue.current));
    draw();
  }

  /** Nobody decides on what has not been seen. @param {(tasks: ListedTask[]) => unknown} decide */
  const onceSeen = (decide) => async (/** @type {ListedTask[]} */ tasks) => {
    if (!list.areSeen(tasks)) notice("Wait until the images of all selected tasks are there.");
    else if ((await decide(tasks)) !== false) clearSelection();
  };
  const approveSelected = onceSeen((tasks) => approve(tasks, ""));
  const rejectSelected = onceSeen(reject);
  const publishSelected = onceSeen(publish);

  /** @param {ListedTask[]} tasks */
  async function take(tasks) {
    await claim(tasks);
    draw();
    watching.now();
  }

  /**
   * The keys that decide, which act on the selection if there is one.
   * @type {Record<string, (tasks: ListedTask[]) => unknown>}
   */
  const onSelection = { Approve: approveSelected, Reject: rejectSelected, Publish: publishSelected };
  const panelKeys = panel.keys.map((key) => ({
    ...key,
    action: (/** @type {string} */ pressed) => {
      const chosen = queue.chosen();
      if (onSelection[key.does] && chosen.length > 0) onSelection[key.does](chosen);
      else key.action?.(pressed);
    },
  }));

  function reload() {
    service.reload();
    watching.now();
  }
  const stale = throttled(reload);

  /** @param {AbortSignal} signal */
  async function update(signal) {
    const renewed = await service.loadQueue(signal);
    if (renewed) list.forget();
    if (queue.current === null && queue.open().length > 0) go(queue.open()[0]);
    const task = await service.loadShown(signal);
    if (task && task.id === queue.current) panel.show(task);
    const listed = queue.waiting.find(({ id }) => id === queue.current);
    if (listed) panel.showReviewer(listed.reviewer);
    if (task) {
      const next = await service.loadAhead(queue.neighbour(1)?.id, signal);
      if (next) loadAhead(next);
    }
    if (task === null) go(queue.open().find((other) => other.id !== queue.current) ?? null);
    draw();
    return service.changed;
  }

  const keys = [
    { keys: ["j", "ArrowRight"], does: "Next", action: () => step(1) },
    { keys: ["k", "ArrowLeft"], does: "Previous", action: () => step(-1) },
    ...panelKeys,
    {
      keys: ["t"],
      does: "Take for review, or release",
      action: () => {
        const chosen = queue.chosen();
        const current = queue.waiting.filter(({ id }) => id === queue.current);
        const tasks = chosen.length > 0 ? chosen : current;
        if (tasks.length > 0) take(tasks).catch(failed);
      },
    },
    { keys: ["x"], does: "Select", action: () => queue.current && choose(queue.current, !queue.selected.has(queue.current), false) },
  ];
  const stopKeys = listenForKeys(keys);
  leaveTrail("review", "Review", () => queue.open().map(({ id }) => id));
  outbox.addEventListener("changed", draw);
  const watching = watch(update, failed);
  /** Returns to the task whose decision was undone. @param {Event} event */
  const undone = (event) => {
    const [id] = /** @type {CustomEvent<string[]>} */ (event).detail;
    const task = queue.waiting.find((task) => task.id === id);
    if (task) go(task);
  };
  outbox.addEventListener("sent", watching.now);
  outbox.addEventListener("undone", undone);

  return () => {
    watching.stop();
    stopKeys();
    panel.stop();
    outbox.removeEventListener("changed", draw);
    outbox.removeEventListener("sent", watching.now);
    outbox.removeEventListener("undone", undone);
  };
}

/**
 * What Review requests: the queue, and the task in view, on which others may decide meanwhile.
 * @param {ReviewQueue} queue
 */
function reviewRequests(queue) {
  /** Whether URLs of images were requested anew. */
  let renewed = false;
  /** @returns {Resource<TaskPage>} */
  const newPage = () => new Resource(`/v1/tasks?${query({ ...parametersOf(filters), limit: LIMIT })}`);
  let page = newPage();
  /** @type {Resource<Task> | null} */
  let shown = null;
  /** Tasks of the queue that were looked at or will be next. @type {Map<string, Resource<Task>>} */
  const whole = new Map();

  /** @param {string} id @returns {Resource<Task>} */
  function resourceOf(id) {
    const resource = whole.get(id) ?? new Resource(`/v1/tasks/${id}`);
    whole.set(id, resource);
    return resource;
  }

  const service = {
    /** Whether the last round brought something new. */
    changed: false,

    /** Keeps the task up to date from now on; returns what is known of it. @param {string | null} id */
    show(id) {
      shown = id === null ? null : resourceOf(id);
      return shown?.value ?? null;
    },

    /** All of a task. @param {string} id @returns {Promise<Task>} */
    async whole(id) {
      const resource = resourceOf(id);
      await resource.load();
      return /** @type {Task} */ (resource.value);
    },

    /** Gets the task that is looked at next, unless it is known. @param {string | undefined} id @param {AbortSignal} signal */
    async loadAhead(id, signal) {
      if (!id) return null;
      // What fails now is said once the task is looked at.
      if (!whole.get(id)?.value) await resourceOf(id).load(signal).catch(() => {});
      return whole.get(id)?.value ?? null;
    },

    /** Forgets what is known, so that all of it is sent again. */
    reload() {
      renewed = true;
      page = newPage();
      whole.clear();
      service.show(queue.current);
    },

    /** Returns whether everything has to be drawn anew. @param {AbortSignal} signal */
    async loadQueue(signal) {
      const asked = page;
      service.changed = await asked.load(signal);
      if (asked !== page || !asked.value || !service.changed) return false;
      queue.update(asked.value.tasks, Boolean(asked.value.next_cursor), renewed);
      for (const id of whole.keys()) if (id !== queue.current && !queue.waiting.some((task) => task.id === id)) whole.delete(id);
      const all = renewed;
      renewed = false;
      return all;
    },

    /** The task in view if it is known; null if it is gone. @param {AbortSignal} signal @returns {Promise<Task | null | undefined>} */
    async loadShown(signal) {
      const asked = shown;
      if (!asked) return undefined;
      try {
        service.changed = (await asked.load(signal)) || service.changed;
        return asked === shown ? asked.value ?? undefined : undefined;
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 404) throw error;
        service.changed = true;
        return asked === shown ? null : undefined;
      }
    },
  };
  return service;
}
