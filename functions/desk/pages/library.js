// Library: every task, found by filters that stand in the address; only the visible rows are in the page. What is selected can
// be labelled, published, collected, downloaded or deleted at once.

import { Resource, query } from "./api.js";
import { element, fill } from "./element.js";
import { filterBar, fromAddress } from "./filter_bar.js";
import { parametersOf } from "./filters.js";
import { LibraryEntries } from "./library_entries.js";
import { listenForKeys } from "./keys.js";
import { librarySelection } from "./library_selection.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { leaveTrail } from "./trail.js";
import { virtualGrid } from "./virtual_grid.js";
import { throttled, watch } from "./watch.js";
import { counted, statusName, statusNames } from "./words.js";

/** @typedef {import("../types/desk").TaskPage} TaskPage */
/** @typedef {import("./library_entries.js").Entry} Entry */

const PAGE = 100;
/** Kept for when one returns to the page, with the first visible entry. @type {import("./filters.js").Filters} */
const filters = {};
let visible = 0;

/** @type {import("./desk.js").Page} */
export function library(main) {
  fromAddress("library", filters);
  const entries = new LibraryEntries();
  entries.oldestFirst = filters.order === "oldest";
  /** @type {Promise<void> | null} */
  let loading = null;
  /** The number of the search, so that responses to an earlier one are dropped. */
  let search = 0;
  let resource = new Resource("");

  const count = element("p", { class: "count", role: "status" });
  const grid = virtualGrid({
    label: "Tasks",
    card: (/** @type {Entry} */ entry) => card(entry, renewUrls, selection),
    nearEnd: () => loadMore().catch(failed),
    moved: (first) => (visible = first),
  });
  const selection = librarySelection(() => {
    renewUrls();
    watching.now();
  });
  const bar = filterBar({
    page: "library", filters, statusLabel: "Status", statuses: [["", "All"], ...statusNames], changed: searchAgain,
  });
  fill(main, element("h1", {}, "Library"), bar, element("div", { class: "row" }, count, selection.node), grid.node);

  leaveTrail("library", "Library", () => entries.all.map(({ id }) => id));
  const stopKeys = listenForKeys([{ keys: ["/"], does: "Search", action: () => /** @type {HTMLElement | null} */ (main.querySelector("input"))?.focus() }]);

  /** @param {string | null | undefined} cursor */
  const pathFrom = (cursor) => `/v1/tasks?${query({ ...parametersOf(filters), cursor, limit: PAGE })}`;

  function loadMore() {
    if (!entries.complete) loading ??= loadNext(search);
    return loading ?? Promise.resolve();
  }

  /** @param {number} current */
  async function loadNext(current) {
    try {
      /** @type {Resource<TaskPage>} */
      const next = new Resource(pathFrom(entries.cursor));
      await next.load();
      if (current !== search || !next.value) return;
      entries.append(next.value.tasks, next.value.next_cursor);
    } finally {
      if (current === search) loading = null;
    }
    draw();
  }

  function draw() {
    grid.show(entries.all);
    const found = entries.all.length;
    if (!entries.complete) fill(count, `Showing ${found.toLocaleString("en")} – scroll for more`);
    else fill(count, found === 0 ? "No tasks match." : counted(found, "task"));
  }

  const renewUrls = throttled(() => {
    entries.renewals += 1;
    resource = new Resource("");
    watching.now();
  });

  function searchAgain() {
    search += 1;
    entries.clear();
    entries.oldestFirst = filters.order === "oldest";
    selection.clear();
    loading = null;
    grid.toTop();
    grid.show([]);
    watching.now();
  }

  const watching = watch(async (signal) => {
    const current = search;
    if (entries.cursor === undefined) {
      await loadMore();
      // Back to the place where one left the page.
      while (entries.all.length < visible && entries.cursor) await loadMore();
      if (visible > 0) grid.to(visible);
      return true;
    }
    const first = grid.first();
    const above = first > 0 ? entries.all[first - 1]?.id ?? null : null;
    const path = pathFrom(above);
    if (resource.path !== path) resource = new Resource(path);
    const asked = resource;
    const changed = await asked.load(signal);
    if (current !== search || !changed) return false;
    const page = /** @type {TaskPage} */ (asked.value);
    entries.replace(page.tasks, above, !page.next_cursor);
    draw();
    return true;
  }, failed);

  return () => {
    search += 1;
    watching.stop();
    stopKeys();
    grid.stop();
  };
}

/**
 * @param {Entry} entry
 * @param {() => void} stale Called when an image's URL no longer works.
 * @param {ReturnType<typeof librarySelection>} selection
 */
function card({ id, status, title, owner, created, thumbnail, images }, stale, selection) {
  const box = element("input", { type: "checkbox", checked: selection.has(id), "aria-label": `Select ${title}` });
  box.addEventListener("change", () => selection.choose(id, box.checked));
  return element("div", { class: "tile-frame" }, element("a", { class: "tile", href: `#/task/${id}` },
    thumbnail ? element("img", { src: thumbnail, alt: "", width: 160, height: 160, loading: "lazy", decoding: "async", onerror: stale })
      : element("span", { class: "no-image" }),
    images > 1 && element("span", { class: "images" }, `${images} images`),
    element("span", { class: "title", dir: "auto" }, title),
    element("span", { class: "state" }, element("span", { class: `status ${status}` }, statusName(status)),
      element("span", {}, session.reviews && [element("bdi", {}, owner), ", "], timeAgo(created)))), box);
}
