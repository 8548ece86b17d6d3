import assert from "node:assert/strict";
import { test } from "node:test";

import { withStyle } from "../../pages/style_words.js";

test("a style is applied as the command applies it", () => {
  const style = { prompt: "ink, {prompt}, fine", negative_prompt: "photo", settings: { steps: 20 } };
  assert.deepEqual(withStyle({ prompt: " a heart ", negative_prompt: "text", seed: "7" }, style), {
    prompt: "ink, a heart, fine", negative_prompt: "text, photo", seed: "7", steps: 20,
  });
  assert.deepEqual(withStyle({ prompt: "" }, { prompt: "oil", negative_prompt: null, settings: {} }), { prompt: "oil" });
});
