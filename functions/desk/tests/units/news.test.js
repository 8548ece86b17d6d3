import assert from "node:assert/strict";
import { test } from "node:test";

import { news } from "../../pages/news.js";
import { withPrompt } from "../../pages/prompt_history.js";

const task = (id, status, by) => ({ id, status, approval: by && { by }, attempt: {} });

test("what was drawn, failed or was decided by others is news", () => {
  const before = new Map([["a", "in_progress"], ["b", "awaiting_approval"], ["c", "awaiting_approval"], ["d", "pending"], ["e", "approved"]]);
  // "f" was drawn between two looks; "A" is so old that it had left the list.
  const now = [task("a", "awaiting_approval"), task("b", "approved", "robin"), task("c", "approved", "alice"), task("d", "failed"), task("e", "approved", "robin"), task("f", "failed"), task("A", "failed")];
  assert.deepEqual(news(before, now, "alice").map(({ id }) => id), ["a", "b", "d", "f"]);
  assert.deepEqual(news(null, now, "alice"), []);
});

test("a prompt that is used again is the latest, and the list has an end", () => {
  const list = withPrompt(withPrompt(withPrompt([], { prompt: "a" }), { prompt: "b" }), { prompt: "a" });
  assert.deepEqual(list.map(({ prompt }) => prompt), ["a", "b"]);
  const many = Array.from({ length: 100 }, (_, index) => ({ prompt: String(index) }));
  assert.equal(withPrompt(many, { prompt: "new" }).length, 100);
});
