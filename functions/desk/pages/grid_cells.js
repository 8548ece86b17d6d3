// A grid of images as an order: one task for each pair of values of two settings.

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {{setting: Setting, text: string}} Axis */

/** Most tasks of one grid. */
export const MOST_CELLS = 64;

/** Names of the metadata that say which settings a grid varies. */
export const AXES = /** @type {const} */ (["easel.grid.x", "easel.grid.y"]);

/** Settings that a grid can vary: those with values on one line, but for what is not about the image. @param {Setting} setting */
export const canVary = ({ name, kind }) => ["integer", "number", "choice", "boolean"].includes(kind) && name !== "count" && name !== "model";

/**
 * The values that somebody typed for an axis: `1, 2, 5` or `1-4` or, of seeds, nothing but how many: `x4`.
 * @param {Axis} axis
 * @param {() => string} drawSeed
 * @returns {any[]}
 */
export function valuesOf({ setting, text }, drawSeed) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  const values = parts.flatMap((part) => {
    const drawn = setting.name.endsWith("seed") && /^x(\d{1,2})$/i.exec(part);
    if (drawn) return Array.from({ length: Number(drawn[1]) }, drawSeed);
    const range = setting.kind === "integer" && /^(\d+)\s*-\s*(\d+)$/.exec(part);
    if (range) return numbers(BigInt(range[1]), BigInt(range[2]));
    return [part];
  });
  return [...new Set(values)].map((value) => valueOf(setting, value));
}

/** @param {bigint} from @param {bigint} to */
function numbers(from, to) {
  if (to < from || to - from >= MOST_CELLS) throw new Error(`${from}-${to} is no range of at most ${MOST_CELLS} numbers`);
  return Array.from({ length: Number(to - from) + 1 }, (_, index) => String(from + BigInt(index)));
}

/** @param {Setting} setting @param {string} text */
function valueOf({ name, kind, schema }, text) {
  if (kind === "choice") return text;
  if (kind === "boolean") {
    if (!["on", "off"].includes(text.toLowerCase())) throw new Error(`“${text}” is neither on nor off`);
    return text.toLowerCase() === "on";
  }
  const { minimum = -Infinity, maximum = Infinity } = schema;
  const number = Number(text);
  if (!Number.isFinite(number) || (kind === "integer" && !/^\d+$/.test(text))) throw new Error(`“${text}” is not a ${kind === "integer" ? "whole " : ""}number`);
  if (number < minimum || number > maximum) throw new Error(`${text} is out of bounds (${minimum} to ${maximum})`);
  // A seed has more bits than a number.
  return name.endsWith("seed") ? text : number;
}

/**
 * The requests of a grid, row by row.
 * @param {Record<string, any>} values What they have in common.
 * @param {{name: string, values: any[]}} across
 * @param {{name: string, values: any[]} | null} down
 * @param {string} tag What they are found by.
 */
export function cellsOf(values, across, down, tag) {
  const metadata = { ...values.metadata, [AXES[0]]: across.name, ...(down && { [AXES[1]]: down.name }) };
  const tags = [...(values.tags ?? []), tag];
  return (down?.values ?? [undefined]).flatMap((y) => across.values.map((x) =>
    ({ ...values, tags, metadata, [across.name]: x, ...(down && { [down.name]: y }) })));
}

/**
 * The rows and columns of tasks that were sent in this order.
 * @template {{attempt: {settings: Record<string, any>}}} Task
 * @param {Task[]} tasks
 * @param {string} across
 * @param {string | undefined} down
 */
export function arranged(tasks, across, down) {
  /** @param {Task} task @param {string | undefined} name */
  const at = ({ attempt }, name) => (name ? String(attempt.settings[name] ?? "default") : "");
  const distinct = (/** @type {string | undefined} */ name) => [...new Set(tasks.map((task) => at(task, name)))];
  const columns = distinct(across);
  return { columns, rows: distinct(down).map((label) =>
    ({ label, cells: columns.map((column) => tasks.find((task) => at(task, across) === column && at(task, down) === label) ?? null) })) };
}
