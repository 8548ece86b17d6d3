// System: which device and model generate images, and how much there is to do.

import { Resource, query } from "./api.js";
import { element, facts, fill, quoting } from "./element.js";
import { listenForKeys } from "./keys.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { progressText } from "./progress.js";
import { timeAgo } from "./time_ago.js";
import { watch } from "./watch.js";
import { bytes, counted, deviceName, duration, money, precisionName, statusNames, titleOf } from "./words.js";

/** @typedef {import("../types/desk").Health} Health */
/** @typedef {import("../types/desk").Metrics} Metrics */
/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").TaskPage} TaskPage */

/** @type {import("./desk.js").Page} */
export function system(main, _, configuration) {
  const state = element("section", { "aria-label": "Device and model" });
  const queue = element("section", { "aria-label": "Queue" });
  const running = element("section", { "aria-label": "Generating" });
  fill(main, element("h1", {}, "System"), element("div", { class: "columns" }, state, queue, running));

  /** @type {Resource<Health>} */
  const health = new Resource("/health");
  /** @type {Resource<Metrics> | null} */
  const metrics = session.reviews ? new Resource("/v1/metrics") : null;
  /** @type {Resource<TaskPage>} */
  const list = new Resource(`/v1/tasks?${query({ status: "in_progress", limit: 20 })}`);
  /** A list has no progress. @type {Map<string, Resource<Task>>} */
  const tasks = new Map();

  const watching = watch(async (signal) => {
    const changes = await Promise.all([health, metrics, list].map((resource) => resource?.load(signal) ?? false));
    if (health.value) fill(state, ...describe(health.value, configuration.version));
    if (metrics?.value) fill(queue, ...amounts(metrics.value));
    const now = list.value?.tasks ?? [];
    for (const id of tasks.keys()) if (!now.some((task) => task.id === id)) tasks.delete(id);
    for (const { id } of now) {
      const task = tasks.get(id) ?? new Resource(`/v1/tasks/${id}`);
      tasks.set(id, task);
      changes.push(await task.load(signal));
    }
    fill(running, element("h2", {}, "Generating"), now.length === 0 ? element("p", {}, "Nothing at the moment.") : element("ul", {},
      [...tasks.values()].map(({ value }) => value && element("li", {},
        element("a", { href: `#/task/${value.id}`, dir: "auto" }, titleOf(value)),
        value.progress && ` ${progressText(value.progress)}`))));
    return changes.includes(true);
  }, failed);
  const stopKeys = listenForKeys([]);
  return () => {
    watching.stop();
    stopKeys();
  };
}

/** @param {Health} health @param {string} version */
function describe(health, version) {
  const { device, fallback_reason, reported_at } = health;
  const verdict = device === null || device === undefined ? "No worker has reported yet."
    : !health.sdxl_available ? "Images cannot be generated at the moment."
      : device === "cpu" ? "Images are generated on the CPU." : "Images are generated on the GPU.";
  return [
    element("h2", {}, "Device and model"),
    element("p", { class: health.sdxl_available ? "good" : "warning" }, verdict),
    fallback_reason ? element("p", {}, !health.sdxl_available ? "Why: " : device === "cpu" ? "Why not on a GPU: " : "Tried before: ", quoting(fallback_reason), ".") : "",
    facts([
      ["Device", health.device_name],
      ["Compute capability", health.compute_capability],
      ["Backend", health.backend && deviceName(health.backend)],
      ["Precision", health.precision && precisionName(health.precision)],
      ["Model", health.model && `${health.model}${health.defaults?.is_demo ? " (demo: draws shapes only)" : ""}`],
      ["Image size", health.defaults && `${health.defaults.width} × ${health.defaults.height}`],
      ["Base model", device ? (health.base_model_loaded ? "loaded" : "not loaded") : null],
      ["Refiner", device ? refiner(health) : null],
      ["Last seen", reported_at && timeAgo(reported_at)],
      ["Easel", version],
      ["API", element("a", { href: "#/docs" }, "documentation")],
    ]),
  ];
}

/** @param {Health} health */
function refiner({ refiner_model_loaded, refinement_enabled }) {
  if (!refiner_model_loaded) return "none";
  return refinement_enabled ? "loaded, on by default" : "loaded, off by default";
}

/** @param {Metrics} metrics */
function amounts({ tasks, drawn, workers, disk }) {
  return [
    element("h2", {}, "Tasks"),
    element("p", {}, `${counted(tasks.pending ?? 0, "task")} queued, ${tasks.in_progress ?? 0} generating.`),
    element("table", {}, element("tbody", {}, statusNames.map(([status, name]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, (tasks[status] ?? 0).toLocaleString("en")))))),
    drawn.tasks > 0 && element("table", {},
      element("thead", {}, element("tr", {},
        [`Last ${counted(drawn.tasks, "task")}`, "median", "95th percentile"].map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {},
        spread("Time per image", drawn.image_seconds, duration), spread("Time per step", drawn.step_seconds, duration),
        spread("Time in the queue", drawn.queue_seconds, duration), spread("Cost per image", drawn.dollars_per_image, money))),
    workers.length > 0 && element("section", { "aria-label": "Workers" }, element("h2", {}, "Workers"),
      element("ul", {}, workers.map(worker))),
    disk && element("section", { "aria-label": "Disk" }, element("h2", {}, "Disk"), facts([
      ["Kept", `${bytes(disk.used_bytes)}${disk.limit_bytes ? ` of at most ${bytes(disk.limit_bytes)}` : ""}`],
      ["Free", disk.free_bytes === null || disk.free_bytes === undefined ? null : bytes(disk.free_bytes)],
      ["Data folder", disk.folder && element("code", {}, disk.folder)],
    ])),
  ].filter((node) => node instanceof Node);
}

/** @param {Metrics["workers"][number]} worker */
function worker({ device_name, model, is_silent, sdxl_available, fallback_reason, reported_at }) {
  const state = is_silent ? "silent" : sdxl_available ? "ready" : "cannot generate";
  return element("li", {}, `${device_name}, ${model}: ${state}, last seen `, timeAgo(reported_at),
    fallback_reason && [element("br"), element("span", { dir: "auto" }, quoting(fallback_reason))]);
}

/**
 * @param {string} name
 * @param {import("../types/desk").Spread | null | undefined} spread
 * @param {(number: number) => string | null} format
 */
const spread = (name, spread, format) => spread &&
  element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, format(spread.median)), element("td", {}, format(spread.p95)));
