// The controls of a list's filters, with suggestions, and views that are kept under a name.

import { call, query } from "./api.js";
import { ask } from "./ask.js";
import { button, element, fill } from "./element.js";
import { AGES, filtersIn, written } from "./filters.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";

/** @typedef {import("./filters.js").Filters} Filters */
/** @typedef {import("../types/desk").SavedView} SavedView */

const TYPING = 250;

/**
 * @param {object} options
 * @param {"review" | "library"} options.page
 * @param {Filters} options.filters Changed in place.
 * @param {[string, string][]} options.statuses
 * @param {string} options.statusLabel
 * @param {() => void} options.changed Called after the filters have changed.
 */
export function filterBar({ page, filters, statuses, statusLabel, changed }) {
  /** Controls by the filters that they set. @type {Map<string, HTMLInputElement | HTMLSelectElement>} */
  const controls = new Map();
  const more = element("details", { class: "more" });
  const views = element("select", { "aria-label": "Saved views", onchange: () => show(views.value) });
  /** @type {SavedView[]} */
  let saved = [];

  function apply() {
    keepInAddress(page, filters);
    count();
    changed();
  }

  /** @param {string} label @param {string} name @param {string[][]} options */
  const select = (label, name, options) => {
    const made = element("select", { onchange: () => {
      filters[name] = made.value;
      apply();
    } }, options.map(([value, text]) => element("option", { value, selected: value === (filters[name] ?? "") }, text)));
    controls.set(name, made);
    return element("label", {}, element("span", {}, label), made);
  };

  /** @param {string} label @param {string} name @param {Record<string, any>} [properties] */
  const text = (label, name, properties = {}) => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const list = element("datalist", { id: `${page}-${name}-names` });
    const suggests = name === "tag" || name === "owner";
    const input = element("input", {
      type: "search", value: filters[name] ?? "", autocomplete: "off", spellcheck: "false", maxlength: 200, list: suggests ? list.id : null,
      onfocus: () => suggests && suggest(name, input.value, list),
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          if (suggests) suggest(name, input.value, list);
          if ((filters[name] ?? "") === input.value.trim()) return;
          filters[name] = input.value.trim();
          apply();
        }, TYPING);
      },
      ...properties,
    });
    controls.set(name, input);
    return element("label", {}, element("span", {}, label), input, suggests && list);
  };

  const further = [
    text("Model", "model"), select("At least", "attempt", [["", "Any attempt"], ["2", "2nd attempt"], ["3", "3rd attempt"], ["4", "4th attempt"]]),
    select("Requested", "age", AGES), ...(session.reviews ? [text("Reviewed by", "reviewer")] : []),
  ];
  const summary = element("summary", {});
  more.append(summary, element("div", { class: "filters" }, further));
  const wide = page === "library";
  const usual = [
    select(statusLabel, "status", statuses), text("Search prompts and titles", "text"), text("Tag", "tag"), session.reviews && text("Owner", "owner"),
  ];
  const order = select("Order", "order", [["", "Newest first"], ["oldest", page === "review" ? "Longest waiting first" : "Oldest first"]]);
  const remove = button("Remove view", () => void discard().catch(failed), { class: "quiet" });
  const kept = element("div", { class: "row views" }, views, button("Save view", () => void save().catch(failed), { class: "quiet" }),
    button("Clear filters", () => set({}), { class: "quiet" }), remove);
  // Beside the images there is little room.
  if (!wide) more.append(element("div", { class: "filters" }, usual.slice(1)), kept);
  const node = element("form", { class: "filter-bar", role: "search", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    element("div", { class: "filters" }, wide ? [...usual, order] : [usual[0], order]), more, wide ? kept : null);

  /** Says how many of the filters are set that are out of sight. */
  function count() {
    const hidden = ["model", "attempt", "age", ...(wide ? [] : ["text", "tag", "owner"])].filter((name) => filters[name]).length;
    summary.textContent = hidden > 0 ? `More filters (${hidden} set)` : "More filters";
    if (hidden > 0) more.open = true;
  }

  /** @param {Filters} now */
  function set(now) {
    for (const name of Object.keys(filters)) delete filters[name];
    Object.assign(filters, now);
    if (!filters.status && page === "review") filters.status = "awaiting_approval";
    for (const [name, control] of controls) control.value = filters[name] ?? "";
    apply();
  }

  /** @param {string} key */
  function show(key) {
    const view = saved.find((view) => keyOf(view) === key);
    if (!view) return;
    set(filtersIn(`?${view.query}`) ?? {});
    drawViews(key);
  }

  function drawViews(selected = "") {
    const groups = [["Yours", saved.filter((view) => !view.shared)], ["Shared", saved.filter((view) => view.shared)]];
    fill(views, element("option", { value: "" }, saved.length > 0 ? "Saved views…" : "No saved views"),
      ...groups.map(([label, list]) => list.length > 0 && element("optgroup", { label }, /** @type {SavedView[]} */ (list).map((view) =>
        element("option", { value: keyOf(view), selected: keyOf(view) === selected }, view.name)))));
    views.disabled = saved.length === 0;
    const now = saved.find((view) => keyOf(view) === selected);
    remove.hidden = !now || !(session.reviews || now.owner === session.identity?.name);
  }

  async function discard() {
    const view = saved.find((view) => keyOf(view) === views.value);
    if (!view) return;
    await call("DELETE", `/v1/views/${encodeURIComponent(view.name)}`);
    notice(`Removed the view “${view.name}”.`);
    await load();
  }

  async function save() {
    const name = await ask({ title: "Save this view", label: "Name", action: "Save", required: true });
    if (!name) return;
    const shared = session.reviews && (await ask({ title: `Share “${name}” with everybody?`, action: "Share" })) !== null;
    await call("PUT", `/v1/views/${encodeURIComponent(name)}`, { body: { page, query: written(filters), shared } });
    notice(`Saved the view “${name}”.`);
    await load(`${shared} ${name}`);
  }

  async function load(selected = "") {
    /** @type {SavedView[]} */
    const all = (await call("GET", "/v1/views")).body.views;
    saved = all.filter((view) => view.page === page);
    drawViews(selected);
  }

  count();
  drawViews();
  load().catch(() => {});
  return node;
}

/** @param {SavedView} view */
const keyOf = (view) => `${view.shared} ${view.name}`;

/** @param {string} field @param {string} prefix @param {Element} list */
async function suggest(field, prefix, list) {
  try {
    /** @type {string[]} */
    const names = (await call("GET", `/v1/suggestions?${query({ field, prefix: prefix.trim() })}`)).body.names;
    fill(list, names.map((value) => element("option", { value })));
  } catch {
    // Nothing depends on suggestions.
  }
}

/** Puts the filters into the page's address, without another entry in the browser's history. @param {string} page @param {Filters} filters */
export function keepInAddress(page, filters) {
  const text = written(filters);
  history.replaceState(null, "", `#/${page}${text && `?${text}`}`);
}

/**
 * Takes the filters from the page's address; without any there, those that were set before go into it.
 * @param {string} page
 * @param {Filters} filters Changed in place.
 */
export function fromAddress(page, filters) {
  const given = filtersIn(location.hash);
  if (given) {
    for (const name of Object.keys(filters)) delete filters[name];
    Object.assign(filters, given);
  } else {
    keepInAddress(page, filters);
  }
}
