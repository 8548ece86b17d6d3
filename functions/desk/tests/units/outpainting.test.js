import assert from "node:assert/strict";
import test from "node:test";

import { markHistory, marksOf } from "../../pages/mask_marks.js";
import { NOT_EXTENDED, extended, isExtended, sizeWith } from "../../pages/outpainting.js";

const image = { width: 1000, height: 512 };

test("a larger canvas has sides that the model draws", () => {
  const left = extended(NOT_EXTENDED, "left", 100, image, 2048);
  assert.deepEqual(left, { left: 104, top: 0, right: 0, bottom: 0 });
  assert.deepEqual(sizeWith(image, left), { width: 1104, height: 512 });
  assert.deepEqual(sizeWith(image, { ...left, left: 8 }), { width: 1008, height: 512 });
  assert.deepEqual(sizeWith({ width: 999, height: 511 }, NOT_EXTENDED), { width: 999, height: 511 });
  assert.deepEqual(sizeWith({ width: 999, height: 511 }, left), { width: 1104, height: 512 });
});

test("no canvas is larger than what the service draws", () => {
  const right = extended(NOT_EXTENDED, "right", 10_000, image, 2048);
  assert.equal(right.right, 1048);
  assert.equal(extended(right, "left", 64, image, 2048).left, 0);
  assert.equal(extended(right, "bottom", -5, image, 2048).bottom, 0);
  assert.equal(isExtended(extended(NOT_EXTENDED, "top", 3, image, 2048)), false);
});

test("what was drawn is undone and done again, until something else is drawn", () => {
  const history = markHistory([]);
  history.add({ kind: "fill" });
  history.add({ kind: "invert" });
  history.undo();
  assert.deepEqual([history.marks.length, history.canUndo, history.canRedo], [1, true, true]);
  history.redo();
  assert.equal(history.marks.length, 2);
  history.undo();
  history.add({ kind: "clear" });
  assert.deepEqual([history.marks.map(({ kind }) => kind), history.canRedo], [["fill", "clear"], false]);
  for (let times = 0; times < 3; times += 1) history.undo();
  assert.equal(history.canUndo, false);
});

test("what a reviewer pointed out is an area, a point a spot", () => {
  const [area, spot] = marksOf([{ x: 0.25, y: 0.5, width: 0.5, height: 0.25 }, { x: 1, y: 0 }], image);
  assert.deepEqual(area, { kind: "area", erases: false, points: [
    { x: 250, y: 256 }, { x: 750, y: 256 }, { x: 750, y: 384 }, { x: 250, y: 384 },
  ] });
  assert.equal(spot.kind, "stroke");
  assert.deepEqual(spot.points, [{ x: 1000, y: 0, weight: 1 }]);
});
