import assert from "node:assert/strict";
import { test } from "node:test";

import { filtersIn, parametersOf, written } from "../../pages/filters.js";

test("filters are read from an address as they were written", () => {
  const filters = { tag: "Ö & l", owner: "ali", order: "oldest", status: "" };
  assert.equal(written(filters), "owner=ali&tag=%C3%96+%26+l&order=oldest");
  assert.deepEqual(filtersIn(`#/library?${written(filters)}`), { owner: "ali", tag: "Ö & l", order: "oldest" });
  assert.deepEqual(filtersIn("#/library?colour=red"), {});
  assert.equal(filtersIn("#/library"), null);
});

test("an age becomes a time that stays the same for an hour", () => {
  const at = Date.parse("2027-01-31T12:34:56Z");
  assert.deepEqual(parametersOf({ tag: "a", age: "day" }, at), { tag: "a", created_after: "2027-01-30T12:00:00.000Z" });
  assert.deepEqual(parametersOf({ age: "day" }, at + 60_000), parametersOf({ age: "day" }, at));
  assert.deepEqual(parametersOf({ age: "eternity" }, at), {});
});
