import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, changeName, counted, duration, labelOf, money, statusName, titleOf } from "../../pages/words.js";

test("durations have the unit that suits them", () => {
  const cases = [[0.04, "40 ms"], [1.94, "1.9 s"], [89.4, "89 s"], [90, "2 min"], [5399, "90 min"], [5400, "1.5 h"], [null, null], [undefined, null]];
  for (const [seconds, expected] of cases) assert.equal(duration(seconds), expected);
});

test("amounts of money keep two digits that mean something", () => {
  for (const [dollars, expected] of [[0.0001234, "$0.00012"], [0.1, "$0.10"], [12.345, "$12.35"], [null, null]]) assert.equal(money(dollars), expected);
});

test("one is singular, and thousands are separated", () => {
  assert.deepEqual([0, 1, 2, 12345].map((count) => counted(count, "task")), ["0 tasks", "1 task", "2 tasks", "12,345 tasks"]);
});

test("times are relative to now", () => {
  const before = (seconds) => ago(new Date(Date.now() - seconds * 1000).toISOString());
  assert.deepEqual([2, 120, 7200, 172800].map(before), ["2 seconds ago", "2 minutes ago", "2 hours ago", "2 days ago"]);
});

test("a name that is not known is shown as it is", () => {
  assert.deepEqual([statusName("pending"), statusName("new"), changeName("retry"), changeName("new")], ["Queued", "new", "requested a retry", "new"]);
});

test("a task is called by its title, or else by its prompt", () => {
  const attempt = { settings: { prompt: "a heart" } };
  assert.deepEqual([titleOf({ title: "Heart", attempt }), titleOf({ title: null, attempt })], ["Heart", "a heart"]);
});

test("a setting's name becomes a label", () => {
  assert.equal(labelOf("crop_top_left"), "Crop top left");
});
