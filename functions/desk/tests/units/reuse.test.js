import assert from "node:assert/strict";
import { test } from "node:test";

import { reused } from "../../pages/reuse.js";

const settings = { prompt: "a heart", seed: "7", count: 4, width: 64, height: 128, init_image: "inputs/a/1.png" };
const image = { index: 2, seed: "9" };

test("the same seed gives one image, that of its place", () => {
  assert.deepEqual(reused(settings, image, "same"), { ...settings, seed: "9", count: 1, variation_seed: undefined });
  const varied = { ...settings, variation_strength: 0.2, variation_seed: "18446744073709551615" };
  const same = reused(varied, { index: 2, seed: "7" }, "same");
  assert.deepEqual([same.seed, same.variation_strength, same.variation_seed], ["7", 0.2, "1"]);
});

test("more like an image are variations of it, and of no other", () => {
  const more = reused({ ...settings, variation_strength: 0.5, variation_seed: "3" }, image, "vary");
  assert.deepEqual([more.seed, more.variation_strength, more.variation_seed, more.count], ["9", 0.2, undefined, 4]);
});

test("a new seed is nobody's, and what starts from an image has its size", () => {
  assert.equal(reused(settings, image, "more").seed, undefined);
  const started = reused(settings, image, "start");
  assert.deepEqual([started.seed, started.width, started.height, started.init_image], [undefined, undefined, undefined, undefined]);
});
