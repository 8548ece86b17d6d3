import assert from "node:assert/strict";
import { test } from "node:test";

import { AXES, MOST_CELLS, arranged, cellsOf, valuesOf } from "../../pages/grid_cells.js";

const steps = { name: "steps", kind: "integer", schema: { minimum: 1, maximum: 150 }, required: false };
const seed = { name: "seed", kind: "integer", schema: { minimum: 0 }, required: false };
const scale = { name: "guidance_scale", kind: "number", schema: { minimum: 0, maximum: 30 }, required: false };
const scheduler = { name: "scheduler", kind: "choice", schema: {}, required: false };

let drawn = 0;
const values = (setting, text) => valuesOf({ setting, text }, () => String(100 + drawn++));

test("values are lists, ranges, and seeds at random", () => {
  assert.deepEqual(values(steps, "10, 20,20 , 5-7"), [10, 20, 5, 6, 7]);
  assert.deepEqual(values(scale, "1.5, 4"), [1.5, 4]);
  assert.deepEqual(values(scheduler, "euler, dpmpp_2m"), ["euler", "dpmpp_2m"]);
  assert.deepEqual(values(seed, "18446744073709551614-18446744073709551615"), ["18446744073709551614", "18446744073709551615"]);
  assert.deepEqual(values(seed, "x3"), ["100", "101", "102"]);
  assert.deepEqual(values(steps, " "), []);
});

test("what is no value is named", () => {
  for (const [setting, text, expected] of [
    [steps, "ten", /“ten” is not a whole number/], [steps, "0", /0 is out of bounds \(1 to 150\)/], [scale, "31", /out of bounds/],
    [steps, "1-900", new RegExp(`at most ${MOST_CELLS} numbers`)], [steps, "x4", /not a whole number/],
  ]) assert.throws(() => values(setting, text), expected);
});

test("a cell is a request with both values, and says which grid it is of", () => {
  const cells = cellsOf({ prompt: "a heart", tags: ["red"], metadata: { a: "b" } }, { name: "steps", values: [1, 2] }, { name: "seed", values: ["7", "8"] }, "grid-1");
  assert.deepEqual(cells.map((cell) => [cell.steps, cell.seed]), [[1, "7"], [2, "7"], [1, "8"], [2, "8"]]);
  assert.deepEqual(cells[0].tags, ["red", "grid-1"]);
  assert.deepEqual(cells[0].metadata, { a: "b", [AXES[0]]: "steps", [AXES[1]]: "seed" });
  assert.equal(cellsOf({ prompt: "a" }, { name: "steps", values: [1, 2, 3] }, null, "grid-2").length, 3);
});

test("tasks are put where their settings belong, whatever is missing", () => {
  const task = (steps, seed) => ({ attempt: { settings: { steps, seed } } });
  const all = [task(1, "7"), task(2, "7"), task(1, "8")];
  const { columns, rows } = arranged(all, "steps", "seed");
  assert.deepEqual(columns, ["1", "2"]);
  assert.deepEqual(rows.map(({ label, cells }) => [label, cells.map((cell) => all.indexOf(cell))]), [["7", [0, 1]], ["8", [2, -1]]]);
  assert.deepEqual(arranged(all.slice(0, 2), "steps", undefined).rows.map(({ label }) => label), [""]);
});
