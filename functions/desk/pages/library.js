// Library: every task, newest first, found by status, owner, tag and text; only the visible rows are in the page.

import { Resource, query } from "./api.js";
import { element, fill } from "./element.js";
import { LibraryEntries } from "./library_entries.js";
import { listenForKeys } from "./keys.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { leaveTrail } from "./trail.js";
import { virtualGrid } from "./virtual_grid.js";
import { throttled, watch } from "./watch.js";
import { counted, statusName, statusNames } from "./words.js";

/** @typedef {import("../types/desk").TaskPage} TaskPage */
/** @typedef {import("./library_entries.js").Entry} Entry */
/** @typedef {{status: string, owner: string, tag: string, text: string}} Filters */

const PAGE = 100;
const TYPING = 250;
/** Kept for when one returns to the page, with the first visible entry. @type {Filters} */
const filters = { status: "", owner: "", tag: "", text: "" };
let visible = 0;

/** @type {import("./desk.js").Page} */
export function library(main) {
  const entries = new LibraryEntries();
  /** @type {Promise<void> | null} */
  let loading = null;
  /** The number of the search, so that responses to an earlier one are dropped. */
  let search = 0;
  let resource = new Resource("");

  const count = element("p", { class: "count", role: "status" });
  const grid = virtualGrid({
    label: "Tasks",
    card: (/** @type {Entry} */ entry) => card(entry, renewUrls),
    nearEnd: () => loadMore().catch(failed),
    moved: (first) => (visible = first),
  });
  fill(main, element("h1", {}, "Library"), filterForm(searchAgain), count, grid.node);

  leaveTrail("library", "Library", () => entries.all.map(({ id }) => id));
  const stopKeys = listenForKeys([{ keys: ["/"], does: "Search", action: () => /** @type {HTMLElement | null} */ (main.querySelector("input"))?.focus() }]);

  /** @param {string | null | undefined} cursor */
  const pathFrom = (cursor) => `/v1/tasks?${query({ ...filters, cursor, limit: PAGE })}`;

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

/** @param {Entry} entry @param {() => void} stale Called when an image's URL no longer works. */
function card({ id, status, title, owner, created, thumbnail, images }, stale) {
  return element("a", { class: "tile", href: `#/task/${id}` },
    thumbnail ? element("img", { src: thumbnail, alt: "", width: 160, height: 160, loading: "lazy", decoding: "async", onerror: stale })
      : element("span", { class: "no-image" }),
    images > 1 && element("span", { class: "images" }, `${images} images`),
    element("span", { class: "title", dir: "auto" }, title),
    element("span", { class: "state" }, element("span", { class: `status ${status}` }, statusName(status)),
      element("span", {}, session.reviews && [element("bdi", {}, owner), ", "], timeAgo(created))));
}

/** @param {() => void} changed Called after the filters have changed. */
function filterForm(changed) {
  const status = element("select", { onchange: () => {
    filters.status = status.value;
    changed();
  } }, [["", "All"], ...statusNames].map(([value, text]) => element("option", { value, selected: value === filters.status }, text)));

  /** @param {string} label @param {keyof Filters} name */
  const text = (label, name) => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const input = element("input", { type: "search", value: filters[name], autocomplete: "off", spellcheck: "false", maxlength: 200, oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        filters[name] = input.value.trim();
        changed();
      }, TYPING);
    } });
    return element("label", {}, element("span", {}, label), input);
  };

  return element("form", { class: "filters", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    element("label", {}, element("span", {}, "Status"), status),
    text("Search prompts and titles", "text"), text("Tag", "tag"), session.reviews && text("Owner", "owner"));
}
