// Library: every task, newest first, found by status, owner, tag and words; only the rows in sight are in the page.

import { Resource, query } from "./api.js";
import { element, fill } from "./element.js";
import { failed } from "./notices.js";
import { rowsInSight } from "./rows_in_sight.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { seldom, watch } from "./watch.js";
import { counted, statusName, statusNames, titleOf } from "./words.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").TaskPage} TaskPage */
/**
 * What the page keeps of a task.
 * @typedef {{id: string, status: string, title: string, owner: string, created: string, thumbnail: string | undefined,
 *   pictures: number, key: string}} Entry
 */

const PAGE = 100;
const TYPING = 250;
/** What was chosen and seen, when one comes back to the page. */
const choice = { status: "", owner: "", tag: "", text: "" };
let seen = 0;

/** @type {import("./desk.js").Page} */
export function library(main) {
  /** @type {Entry[]} */
  let entries = [];
  /** @type {string | null | undefined} Where to go on; null at the end, undefined before the first page. */
  let cursor;
  /** @type {Promise<void> | null} */
  let loading = null;
  /** Counts what was searched for, so that answers to an earlier search are dropped. */
  let search = 0;
  let resource = new Resource("");
  /** Counts how often pictures' URLs were asked for again. */
  let urls = 0;

  const count = element("p", { class: "count", role: "status" });
  const rows = rowsInSight({
    label: "Tasks",
    card,
    nearEnd: () => more().catch(failed),
    moved: (first) => (seen = first),
  });
  const filters = element("form", { class: "filters", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    choose("Status", "status", [["", "All"], ...statusNames]),
    type("Words in the prompt or title", "text"), type("Tag", "tag"),
    session.reviews && type("Owner", "owner"));
  fill(main, element("h1", {}, "Library"), filters, count, rows.node);

  /** @param {Entry} entry */
  function card({ id, status, title, owner, created, thumbnail, pictures }) {
    return element("a", { class: "tile", href: `#/task/${id}` },
      thumbnail ? element("img", { src: thumbnail, alt: "", width: 160, height: 160, loading: "lazy", decoding: "async", onerror: stale })
        : element("span", { class: "no-picture" }),
      pictures > 1 && element("span", { class: "pictures" }, `${pictures} pictures`),
      element("span", { class: "title", dir: "auto" }, title),
      element("span", { class: "state" }, element("span", { class: `status ${status}` }, statusName(status)),
        element("span", {}, session.reviews && [element("bdi", {}, owner), ", "], timeAgo(created))));
  }

  /** @param {Task} task @returns {Entry} */
  const entry = (task) => ({
    id: task.id,
    status: task.status,
    title: titleOf(task),
    owner: task.owner,
    created: task.created_at,
    thumbnail: task.attempt.pictures[0]?.thumbnail_url,
    pictures: task.attempt.pictures.length,
    key: `${task.id} ${task.version} ${urls}`,
  });

  /** @param {string | null} below @param {AbortSignal} [signal] */
  async function ask(below, signal) {
    const path = `/v1/tasks?${query({ ...choice, cursor: below, limit: PAGE })}`;
    if (resource.path !== path) resource = new Resource(path);
    const changed = await resource.ask(signal);
    return { changed, page: /** @type {TaskPage} */ (resource.value) };
  }

  function more() {
    if (cursor !== null) loading ??= load(search);
    return loading ?? Promise.resolve();
  }

  /** @param {number} mine */
  async function load(mine) {
    try {
      /** @type {Resource<TaskPage>} */
      const asked = new Resource(`/v1/tasks?${query({ ...choice, cursor, limit: PAGE })}`);
      await asked.ask();
      if (mine !== search || !asked.value) return;
      const known = new Set(entries.map(({ id }) => id));
      entries.push(...asked.value.tasks.filter(({ id }) => !known.has(id)).map(entry));
      cursor = asked.value.next_cursor ?? null;
    } finally {
      if (mine === search) loading = null;
    }
    draw();
  }

  function draw() {
    rows.show(entries);
    const all = cursor === null;
    const found = counted(entries.length, "task");
    if (!all) fill(count, `${found}, and more as you scroll`);
    else fill(count, entries.length === 0 ? "No task is like this." : found);
  }

  /** Puts what is in sight in the place of what was known of that stretch. @param {Task[]} tasks @param {string | null} above @param {boolean} toEnd */
  function replace(tasks, above, toEnd) {
    const from = above === null ? 0 : entries.findIndex(({ id }) => id === above) + 1;
    const last = tasks.at(-1)?.id;
    // Ids sort by creation, newest first here.
    const to = toEnd || last === undefined ? entries.length : entries.findIndex(({ id }) => id < last);
    const until = to < 0 ? entries.length : to;
    // What is the same stays, so that its picture is not loaded again from another URL.
    const known = new Map(entries.slice(from, until).map((entry) => [entry.key, entry]));
    const now = tasks.map(entry).map((entry) => known.get(entry.key) ?? entry);
    entries.splice(from, until - from, ...now);
  }

  const stale = seldom(() => {
    urls += 1;
    resource = new Resource("");
    watching.now();
  });

  function searchAgain() {
    search += 1;
    [entries, cursor, loading] = [[], undefined, null];
    rows.toTop();
    rows.show([]);
    watching.now();
  }

  const watching = watch(async (signal) => {
    const mine = search;
    if (cursor === undefined) {
      await more();
      // Where one was, when one comes back.
      while (entries.length < seen && cursor) await more();
      if (seen > 0) rows.to(seen);
      return true;
    }
    const first = rows.first();
    const above = first > 0 ? entries[first - 1]?.id ?? null : null;
    const { changed, page } = await ask(above, signal);
    if (mine !== search || !changed) return false;
    replace(page.tasks, above, !page.next_cursor);
    if (!page.next_cursor) cursor = null;
    draw();
    return true;
  }, failed);

  /** @param {string} label @param {"status" | "owner" | "tag" | "text"} name @param {[string, string][]} options */
  function choose(label, name, options) {
    const made = element("select", { onchange: () => {
      choice[name] = made.value;
      searchAgain();
    } }, options.map(([value, text]) => element("option", { value, selected: value === choice[name] }, text)));
    return element("label", {}, element("span", {}, label), made);
  }

  /** @param {string} label @param {"status" | "owner" | "tag" | "text"} name */
  function type(label, name) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const made = element("input", { type: "search", value: choice[name], autocomplete: "off", spellcheck: "false", maxlength: 200, oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        choice[name] = made.value.trim();
        searchAgain();
      }, TYPING);
    } });
    return element("label", {}, element("span", {}, label), made);
  }

  return () => {
    search += 1;
    watching.stop();
    rows.stop();
  };
}
