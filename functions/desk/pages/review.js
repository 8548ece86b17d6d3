// Review: the pictures that wait for a decision, one after the other.

import { Problem, Resource, query } from "./api.js";
import { approve, reject } from "./decisions.js";
import { button, element, fill } from "./element.js";
import { listenForKeys, showKeys } from "./keys.js";
import { failed } from "./notices.js";
import { holds, outbox } from "./outbox.js";
import { shownOf } from "./picture_viewer.js";
import { taskPanel } from "./task_panel.js";
import { seldom, watch } from "./watch.js";
import { counted, titleOf } from "./words.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").TaskPage} TaskPage */

const MOST = 100;
/** What was chosen, when one comes back to the page. */
const choice = { order: "newest", status: "awaiting_approval" };

/** @type {import("./desk.js").Page} */
export function review(main, _, configuration) {
  /** @type {Task[]} */
  let waiting = [];
  /** @type {string | null} */
  let current = null;
  /** @type {Set<string>} */
  const selected = new Set();
  let more = false;
  /** Whether pictures' URLs were asked for again. */
  let renewed = false;
  /** @type {Resource<TaskPage>} */
  let page;
  /** @type {Resource<Task> | null} */
  let shown = null;

  const order = select("Order", [["newest", "Newest first"], ["oldest", "Oldest first"]], choice.order, (value) => (choice.order = value));
  const status = select("Show", [["awaiting_approval", "Waiting for approval"], ["approved", "Approved, not published"]], choice.status,
    (value) => (choice.status = value));
  const count = element("p", { class: "count", role: "status" });
  const list = element("ol", { class: "queue", "aria-label": "Tasks" });
  const bulk = element("div", { class: "bulk row", role: "group", "aria-label": "Selection" });
  const empty = element("div", { class: "empty" });
  const panel = taskPanel(configuration, {
    decided: (task) => {
      selected.delete(task.id);
      go(next(task.id) ?? null);
    },
    moved: () => watching.now(),
    stale: () => stale(),
  });
  const steps = element("div", { class: "row", role: "group", "aria-label": "Steps" },
    button("Previous", () => move(-1)), button("Next", () => move(1)), button("Keys", () => showKeys(keys), { class: "quiet" }));
  fill(main,
    element("section", { class: "side-list", "aria-label": "Queue" }, element("div", { class: "filters" }, status, order), count, bulk, list),
    element("div", { class: "work" }, steps, empty, panel.node));
  panel.hide();

  /** Those on which nothing is decided yet. */
  const open = () => waiting.filter((task) => !holds(task.id));

  /** @param {string} id */
  function next(id) {
    const place = waiting.findIndex((task) => task.id === id);
    const candidates = [...waiting.slice(place + 1), ...waiting.slice(0, Math.max(0, place)).reverse()];
    return candidates.find((task) => !holds(task.id));
  }

  /** @param {number} by */
  function move(by) {
    const tasks = open();
    const place = tasks.findIndex((task) => task.id === current);
    const to = tasks[Math.min(tasks.length - 1, Math.max(0, place + by))];
    if (to) go(to);
  }

  /** @param {Task | null} task */
  function go(task) {
    current = task?.id ?? null;
    shown = task && new Resource(`/v1/tasks/${task.id}`);
    if (task) panel.show(task);
    draw();
    watching.now();
  }

  /** @param {Task} task */
  function item(task) {
    const chosen = element("input", { type: "checkbox", checked: selected.has(task.id), "aria-label": `Select ${titleOf(task)}` });
    chosen.addEventListener("click", (event) => choose(task.id, chosen.checked, event.shiftKey));
    const picture = task.attempt.pictures[0];
    return element("li", { "data-id": task.id }, chosen,
      element("button", { type: "button", "aria-current": task.id === current ? "true" : null, onclick: () => go(task) },
        picture && element("img", { src: picture.thumbnail_url, width: 56, height: 56, alt: "", onerror: stale }),
        element("span", { dir: "auto" }, titleOf(task))));
  }

  let last = "";
  /** @param {string} id @param {boolean} on @param {boolean} through */
  function choose(id, on, through) {
    const tasks = open();
    const [from, to] = [tasks.findIndex((task) => task.id === last), tasks.findIndex((task) => task.id === id)];
    const range = through && from >= 0 ? tasks.slice(Math.min(from, to), Math.max(from, to) + 1) : tasks.slice(to, to + 1);
    for (const task of range) on ? selected.add(task.id) : selected.delete(task.id);
    last = id;
    draw();
  }

  let drawn = "";
  function draw() {
    const tasks = open();
    const chosen = tasks.filter((task) => selected.has(task.id));
    const state = JSON.stringify([tasks.map((task) => [task.id, task.version]), current, [...selected], choice, more]);
    empty.hidden = current !== null;
    panel.node.hidden = current === null;
    steps.hidden = current === null;
    if (state === drawn) return;
    drawn = state;
    fill(count, more ? `The first ${counted(tasks.length, "task")}` : counted(tasks.length, "task"));
    const focused = document.activeElement?.closest("li")?.getAttribute("data-id");
    const name = document.activeElement?.tagName;
    fill(list, tasks.map(item));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${focused}"] ${name}`))?.focus();
    showCurrent();
    fill(empty, tasks.length === 0 && [element("h1", {}, "Nothing waits here"), element("p", {}, "What is drawn next appears by itself.")]);
    fill(bulk, chosen.length > 0 && selection(chosen));
  }

  /** Scrolls the list alone: the page stays where one looks. */
  function showCurrent() {
    const item = list.querySelector("[aria-current]")?.getBoundingClientRect();
    const seen = list.getBoundingClientRect();
    if (item && item.bottom > seen.bottom) list.scrollTop += item.bottom - seen.bottom;
    if (item && item.top < seen.top) list.scrollTop -= seen.top - item.top;
  }

  /** @param {Task[]} chosen */
  function selection(chosen) {
    const done = () => {
      selected.clear();
      if (current && holds(current)) go(next(current) ?? null);
      draw();
    };
    const beside = () => {
      const [first, ...others] = chosen;
      go(first);
      panel.compareWith(others.flatMap((task) => shownOf(task, task.attempt)));
    };
    const decides = choice.status === "awaiting_approval";
    return [
      decides && button(`Approve ${chosen.length}`, () => {
        approve(chosen, "");
        done();
      }, { class: "approve" }),
      decides && button(`Reject ${chosen.length}`, async () => (await reject(chosen)) && done(), { class: "reject" }),
      chosen.length > 1 && button("Side by side", beside),
      button("Select none", () => {
        selected.clear();
        draw();
      }, { class: "quiet" }),
    ];
  }

  const stale = seldom(() => {
    openAgain();
    watching.now();
  });

  /** Forgets what was seen, so that all of it is sent again. */
  function openAgain() {
    renewed = true;
    page = new Resource(`/v1/tasks?${query({ ...choice, limit: MOST })}`);
    if (current) shown = new Resource(`/v1/tasks/${current}`);
  }

  /** @param {AbortSignal} signal */
  async function asking(signal) {
    const asked = page;
    const changed = await asked.ask(signal);
    if (asked !== page || !asked.value) return true;
    if (changed) {
      // What is the same stays, so that its picture is not loaded again from another URL.
      const known = new Map(renewed ? [] : waiting.map((task) => [`${task.id} ${task.version}`, task]));
      waiting = asked.value.tasks.map((task) => known.get(`${task.id} ${task.version}`) ?? task);
      if (renewed) drawn = "";
      renewed = false;
      more = Boolean(asked.value.next_cursor);
      for (const id of selected) if (!waiting.some((task) => task.id === id)) selected.delete(id);
    }
    if (current === null) {
      const first = open()[0];
      if (first) go(first);
    }
    const moved = await askShown(signal);
    draw();
    return changed || moved;
  }

  /** The task in the panel, which others may decide on meanwhile. @param {AbortSignal} signal */
  async function askShown(signal) {
    const asked = shown;
    if (!asked) return false;
    try {
      const moved = await asked.ask(signal);
      if (asked === shown && asked.value && asked.value.id === current) panel.show(asked.value);
      return moved;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      if (asked === shown) go(open().find((task) => task.id !== current) ?? null);
      return true;
    }
  }

  /**
   * @param {string} label
   * @param {[string, string][]} options
   * @param {string} value
   * @param {(value: string) => void} changed
   */
  function select(label, options, value, changed) {
    const made = element("select", {
      onchange: () => {
        changed(made.value);
        [current, shown, waiting] = [null, null, []];
        selected.clear();
        openAgain();
        draw();
        watching.now();
      },
    }, options.map(([option, name]) => element("option", { value: option, selected: option === value }, name)));
    return element("label", {}, element("span", {}, label), made);
  }

  const keys = [
    { keys: ["j", "ArrowRight"], does: "Next", action: () => move(1) },
    { keys: ["k", "ArrowLeft"], does: "Previous", action: () => move(-1) },
    ...panel.keys,
    { keys: ["x"], does: "Select", action: () => current && choose(current, !selected.has(current), false) },
    { keys: [..."12345678"], shown: "1–8", does: "This picture", action: (/** @type {string} */ key) => panel.viewer.choose(Number(key) - 1) },
  ];
  const silence = listenForKeys(keys);
  outbox.addEventListener("changed", draw);
  openAgain();
  const watching = watch(asking, failed);
  /** Back to what one has thought better of. @param {Event} event */
  const undone = (event) => {
    const [id] = /** @type {CustomEvent<string[]>} */ (event).detail;
    const task = waiting.find((task) => task.id === id);
    if (task) go(task);
  };
  outbox.addEventListener("sent", watching.now);
  outbox.addEventListener("undone", undone);

  return () => {
    watching.stop();
    silence();
    panel.stop();
    outbox.removeEventListener("changed", draw);
    outbox.removeEventListener("sent", watching.now);
    outbox.removeEventListener("undone", undone);
  };
}
