import assert from "node:assert/strict";
import { test } from "node:test";

import { LibraryEntries } from "../../pages/library_entries.js";

const task = (id, version = 1) => ({
  id, version, status: "approved", title: null, owner: "grace", created_at: "", attempt: { images: [], settings: { prompt: "a heart" } },
});
const tasks = (names) => [...names].map((id) => task(id));
const ids = (entries) => entries.all.map(({ id }) => id).join("");

test("pages follow one another, and nothing is in the list twice", () => {
  const entries = new LibraryEntries();
  entries.append(tasks("fed"), "d");
  entries.append(tasks("dcb"), null);
  assert.deepEqual([ids(entries), entries.complete], ["fedcb", true]);
});

test("a part of the list is replaced, with what is new above it and what has gone from it", () => {
  const entries = new LibraryEntries();
  entries.append(tasks("fedcba"), null);
  const [f] = entries.all;
  entries.replace([task("g"), task("f"), task("d")], null, false);
  assert.equal(ids(entries), "gfdcba");
  assert.equal(entries.all[1], f);
  entries.replace([task("b")], "c", true);
  assert.equal(ids(entries), "gfdcb");
});

test("an entry is another one once its task or its URLs have changed", () => {
  const entries = new LibraryEntries();
  entries.append(tasks("ba"), null);
  const [b, a] = entries.all;
  entries.replace([task("b", 2), task("a")], null, true);
  assert.notEqual(entries.all[0].key, b.key);
  assert.equal(entries.all[1], a);
  entries.renewals += 1;
  entries.replace(tasks("ba"), null, true);
  assert.notEqual(entries.all[1].key, a.key);
});
