// The filters of a list of tasks. They stand in the page's address, so that a view is a link and survives a reload.

/** @typedef {Record<string, string>} Filters */

/** What may stand in an address; `age` is how long ago tasks were requested at most. */
export const FILTERS = ["status", "owner", "tag", "text", "model", "attempt", "age", "reviewer", "order"];

/** @type {Record<string, number>} */
const HOURS = { day: 24, week: 7 * 24, month: 30 * 24, quarter: 91 * 24 };
const HOUR = 3_600_000;

export const AGES = [["", "Any time"], ["day", "Last 24 hours"], ["week", "Last 7 days"], ["month", "Last 30 days"], ["quarter", "Last 3 months"]];

/**
 * The filters in an address such as `#/library?tag=spring`; null if it says nothing of them.
 * @param {string} address
 * @returns {Filters | null}
 */
export function filtersIn(address) {
  const start = address.indexOf("?");
  if (start < 0) return null;
  const given = new URLSearchParams(address.slice(start));
  return Object.fromEntries(FILTERS.filter((name) => given.get(name)).map((name) => [name, given.get(name) ?? ""]));
}

/**
 * The filters as they stand in an address, without the `?`.
 * @param {Filters} filters
 */
export const written = (filters) =>
  new URLSearchParams(FILTERS.filter((name) => filters[name]).map((name) => [name, filters[name]])).toString();

/**
 * The same as parameters of the API. Times are whole hours, so that the same list is asked for again.
 * @param {Filters} filters
 * @param {number} [now]
 * @returns {Filters}
 */
export function parametersOf(filters, now = Date.now()) {
  const { age, ...rest } = filters;
  if (!HOURS[age ?? ""]) return rest;
  const since = Math.floor(now / HOUR) * HOUR - HOURS[age] * HOUR;
  return { ...rest, created_after: new Date(since).toISOString() };
}
