// Machine: what draws, on what and why, and how much there is to do.

import { Resource, query } from "./api.js";
import { element, facts, fill } from "./element.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { progressText } from "./progress.js";
import { timeAgo } from "./time_ago.js";
import { watch } from "./watch.js";
import { counted, duration, money, statusNames, titleOf } from "./words.js";

/** @typedef {import("../types/api").Health} Health */
/** @typedef {import("../types/api").Metrics} Metrics */
/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").TaskPage} TaskPage */

/** @type {import("./desk.js").Page} */
export function machine(main, _, configuration) {
  const state = element("section", { "aria-label": "Device and model" });
  const queue = element("section", { "aria-label": "Queue" });
  const running = element("section", { "aria-label": "Being drawn" });
  fill(main, element("h1", {}, "Machine"), element("div", { class: "columns" }, state, queue, running));

  /** @type {Resource<Health>} */
  const health = new Resource("/health");
  /** @type {Resource<Metrics> | null} */
  const metrics = session.reviews ? new Resource("/v1/metrics") : null;
  /** @type {Resource<TaskPage>} */
  const drawing = new Resource(`/v1/tasks?${query({ status: "in_progress", limit: 20 })}`);
  /** @type {Map<string, Resource<Task>>} */
  const tasks = new Map();

  const watching = watch(async (signal) => {
    const changes = await Promise.all([health, metrics, drawing].map((resource) => resource?.ask(signal) ?? false));
    if (health.value) fill(state, ...describe(health.value, configuration.version));
    if (metrics?.value) fill(queue, ...amounts(metrics.value));
    const now = drawing.value?.tasks ?? [];
    for (const id of tasks.keys()) if (!now.some((task) => task.id === id)) tasks.delete(id);
    for (const { id } of now) {
      const task = tasks.get(id) ?? new Resource(`/v1/tasks/${id}`);
      tasks.set(id, task);
      changes.push(await task.ask(signal));
    }
    fill(running, element("h2", {}, "Being drawn"), now.length === 0 ? element("p", {}, "Nothing at the moment.") : element("ul", {},
      [...tasks.values()].map(({ value }) => value && element("li", {},
        element("a", { href: `#/task/${value.id}`, dir: "auto" }, titleOf(value)),
        value.progress && ` ${progressText(value.progress)}`))));
    return changes.includes(true);
  }, failed);
  return watching.stop;
}

/** @param {Health} health @param {string} version */
function describe(health, version) {
  const { device, fallback_reason, reported_at } = health;
  const verdict = device === null || device === undefined ? "Nothing has drawn here yet."
    : !health.sdxl_available ? "Pictures cannot be drawn at the moment."
      : device === "cuda" ? "Pictures are drawn on the GPU." : "Pictures are drawn on the processor.";
  return [
    element("h2", {}, "Device and model"),
    element("p", { class: health.sdxl_available ? "good" : "warning" }, verdict),
    fallback_reason ? element("p", {}, device === "none" ? "Why: " : "Why not on a GPU: ", fallback_reason, ".") : "",
    facts([
      ["Device", health.device_name],
      ["Compute capability", health.compute_capability],
      ["Computed by", health.backend],
      ["Precision", health.precision],
      ["Model", health.model],
      ["Base model", device ? (health.base_model_loaded ? "open" : "not open") : null],
      ["Refiner", device ? refiner(health) : null],
      ["Last heard of", reported_at && timeAgo(reported_at)],
      ["Easel", version],
    ]),
  ];
}

/** @param {Health} health */
function refiner({ refiner_model_loaded, refinement_enabled }) {
  if (!refiner_model_loaded) return "none";
  return refinement_enabled ? "open, used unless asked otherwise" : "open, used when asked for";
}

/** @param {Metrics} metrics */
function amounts({ tasks, drawn }) {
  return [
    element("h2", {}, "Tasks"),
    element("p", {}, `${counted(tasks.pending ?? 0, "task")} in the queue, ${tasks.in_progress ?? 0} being drawn.`),
    element("table", {}, element("tbody", {}, statusNames.map(([status, name]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, (tasks[status] ?? 0).toLocaleString("en")))))),
    drawn.tasks > 0 && element("table", {},
      element("thead", {}, element("tr", {},
        [`Of the newest ${drawn.tasks} drawn`, "half below", "95 in 100 below"].map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {},
        spread("A picture", drawn.picture_seconds, duration), spread("A step", drawn.step_seconds, duration),
        spread("In the queue", drawn.queue_seconds, duration), spread("Cost of a picture", drawn.dollars_per_picture, money))),
  ];
}

/**
 * @param {string} name
 * @param {import("../types/api").Spread | null | undefined} spread
 * @param {(number: number) => string | null} said
 */
const spread = (name, spread, said) => spread &&
  element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, said(spread.median)), element("td", {}, said(spread.p95)));
