import assert from "node:assert/strict";
import { test } from "node:test";

import { placeText } from "../../pages/progress.js";

test("a place in the queue is said as far as it is known", () => {
  const task = { id: "a", position: 3, starts_in_seconds: 240, owner: "carla", title: "", priority: 0, waiting_since: "", work: 1 };
  const queue = (/** @type {object} */ task, paused = false) => ({ paused, waiting: 4, running: 1, workers: 1, tasks: [task] });
  assert.equal(placeText(queue(task), "a"), "3rd in the queue, in about 4 min");
  assert.equal(placeText(queue({ ...task, position: 1, starts_in_seconds: 0.2 }), "a"), "1st in the queue, next");
  assert.equal(placeText(queue({ ...task, starts_in_seconds: null }), "a"), "3rd in the queue");
  assert.equal(placeText(queue(task, true), "a"), "3rd in the queue, which is paused");
  assert.equal(placeText(queue(task), "b"), "");
  assert.equal(placeText(null, "a"), "");
});
