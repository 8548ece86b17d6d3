import assert from "node:assert/strict";
import { test } from "node:test";

import { sizesFor, swapped } from "../../pages/sizes.js";

test("sizes have the pixels that the model was made for", () => {
  assert.deepEqual(sizesFor(1024).map(({ width, height }) => [width, height]), [[1024, 1024], [1152, 896], [1216, 832], [1344, 768], [1536, 640]]);
  for (const side of [128, 512, 768, 1024]) {
    for (const { width, height } of sizesFor(side)) {
      assert.equal(width % 8 + height % 8, 0);
      assert.ok(width * height <= 1.15 * side * side && width * height >= 0.85 * side * side, `${width}×${height} for ${side}`);
    }
  }
});

test("a size can be turned", () => {
  assert.deepEqual(swapped({ ratio: "3:2", width: 1216, height: 832 }), { ratio: "2:3", width: 832, height: 1216 });
});
