// A grid of images: what was made of each pair of values of two settings.

import { Resource, call, query } from "./api.js";
import { element, fill } from "./element.js";
import { AXES, MOST_CELLS, arranged } from "./grid_cells.js";
import { opening } from "./image_dialog.js";
import { draggable } from "./image_files.js";
import { listenForKeys } from "./keys.js";
import { failed } from "./notices.js";
import { leaveTrail } from "./trail.js";
import { throttled, watch } from "./watch.js";
import { counted, labelOf, statusName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */
/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").TaskPage} TaskPage */

/** @type {import("./desk.js").Page} */
export function gridPage(main, tag) {
  /** @returns {Resource<TaskPage>} */
  const newList = () => new Resource(`/v1/tasks?${query({ tag: decodeURIComponent(tag), order: "oldest", limit: MOST_CELLS })}`);
  let list = newList();
  /** Which settings vary, from left to right and from top to bottom. @type {(string | undefined)[] | null} */
  let axes = null;
  const heading = element("h1", { dir: "auto", class: "clamped" }, "Grid");
  const about = element("p", { class: "count", role: "status" });
  const table = element("div", { class: "grid-scroller", tabindex: 0, role: "region", "aria-label": "Grid" });
  fill(main, heading, about, table);
  leaveTrail(`grid/${tag}`, "the grid", () => (list.value?.tasks ?? []).map(({ id }) => id));

  const stale = throttled(() => {
    list = newList();
    watching.now();
  });

  /** @param {ListedTask} task */
  const cell = (task) => {
    const { id, attempt, status } = task;
    const label = `${titleOf(task)}, ${statusName(status)}`;
    if (attempt.images.length === 0) return element("a", { href: `#/task/${id}`, class: `status ${status}` }, statusName(status));
    return attempt.images.map((image) => element("a", { href: `#/task/${id}/${image.index}`, onclick: opening(id, image.index) },
      draggable(element("img", { src: image.thumbnail_url, width: 160, height: 160, alt: label, onerror: stale }), id, image.index)));
  };

  /** @param {ListedTask[]} tasks */
  function draw(tasks) {
    const [across = "seed", down] = axes ?? [];
    const { columns, rows } = arranged(tasks, across, down);
    const waiting = tasks.filter(({ status }) => status === "pending" || status === "in_progress").length;
    fill(heading, titleOf(tasks[0]));
    fill(about, `${counted(tasks.length, "task")}${waiting > 0 ? `, ${waiting} not done yet` : ""}`);
    fill(table, element("table", { class: "xy" },
      element("caption", {}, `Across: ${labelOf(across)}`, down ? `. Down: ${labelOf(down)}` : ""),
      element("thead", {}, element("tr", {}, down && element("td", {}), columns.map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, rows.map(({ label, cells }) => element("tr", {}, down && element("th", { scope: "row" }, label),
        cells.map((task) => element("td", {}, task && cell(task))))))));
  }

  const watching = watch(async (signal) => {
    const changed = await list.load(signal);
    const tasks = list.value?.tasks ?? [];
    if (tasks.length === 0) {
      fill(about, "There is no such grid, or its tasks were deleted.");
      return false;
    }
    if (!axes) {
      /** @type {Task} */
      const first = (await call("GET", `/v1/tasks/${tasks[0].id}`, { signal })).body;
      axes = AXES.map((name) => first.metadata[name]);
    }
    if (changed) draw(tasks);
    return changed || tasks.some(({ status }) => status === "pending" || status === "in_progress");
  }, failed);
  const stopKeys = listenForKeys([]);
  return () => {
    watching.stop();
    stopKeys();
  };
}
