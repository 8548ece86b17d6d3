import assert from "node:assert/strict";
import { test } from "node:test";

import { ReviewQueue } from "../../pages/review_queue.js";

const task = (id, version = 1) => ({ id, version });
const ids = (tasks) => tasks.map(({ id }) => id).join("");

function queueOf(names, decided = new Set()) {
  const queue = new ReviewQueue((id) => decided.has(id));
  queue.update([...names].map((id) => task(id)), false, false);
  return { queue, decided };
}

test("a task with a decision is no longer open", () => {
  const { queue, decided } = queueOf("abc");
  decided.add("b");
  assert.equal(ids(queue.open()), "ac");
});

test("the next task comes after a decision, at the end the one before", () => {
  const { queue, decided } = queueOf("abc");
  for (const [id, next] of [["a", "b"], ["b", "c"]]) {
    decided.add(id);
    assert.equal(queue.after(id).id, next);
  }
  decided.clear();
  decided.add("c");
  assert.equal(queue.after("c").id, "b");
  for (const id of "ab") decided.add(id);
  assert.equal(queue.after("c"), null);
});

test("a step ends at the first and the last task", () => {
  const { queue } = queueOf("abc");
  queue.current = "b";
  assert.deepEqual([queue.neighbour(1).id, queue.neighbour(-1).id, queue.neighbour(9).id, queue.neighbour(-9).id], ["c", "a", "c", "a"]);
  assert.equal(queueOf("").queue.neighbour(1), null);
});

test("a range is selected in either direction, without decided tasks", () => {
  const { queue, decided } = queueOf("abcde");
  decided.add("c");
  queue.choose("d", true, false);
  queue.choose("b", true, true);
  assert.equal(ids(queue.chosen()), "bd");
  queue.choose("d", false, true);
  assert.equal(ids(queue.chosen()), "");
  queue.choose("a", true, true);
  assert.equal(ids(queue.chosen()), "abd");
});

test("what is the same stays the same object, unless its URLs are new", () => {
  const { queue } = queueOf("ab");
  const [a, b] = queue.waiting;
  queue.update([task("b"), task("a", 2)], true, false);
  assert.equal(queue.waiting[0], b);
  assert.notEqual(queue.waiting[1], a);
  queue.update([task("b")], false, true);
  assert.notEqual(queue.waiting[0], b);
});

test("a task that has gone is no longer selected", () => {
  const { queue } = queueOf("ab");
  queue.choose("a", true, false);
  queue.update([task("b")], false, false);
  assert.deepEqual([...queue.selected], []);
});
