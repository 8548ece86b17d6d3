import assert from "node:assert/strict";
import { test } from "node:test";

import { keepsSeeds, readJson, writeJson } from "../../pages/json.js";

const LARGEST = "18446744073709551615";
const OPTIONS = { skip: keepsSeeds ? false : "this Node.js does not give access to JSON's source text" };

test("seeds are text, to the last of their 64 bits", OPTIONS, () => {
  const text = `{"seed":${LARGEST},"steps":20,"images":[{"seed":7}],"prompt":"a \\"seed\\":1"}`;
  const value = readJson(text);
  assert.deepEqual(value, { seed: LARGEST, steps: 20, images: [{ seed: "7" }], prompt: 'a "seed":1' });
  assert.equal(writeJson(value), text);
});

test("what is not a seed stays as it is", OPTIONS, () => {
  assert.equal(writeJson({ seed: null, title: LARGEST, tags: ["7"] }), `{"seed":null,"title":"${LARGEST}","tags":["7"]}`);
  assert.deepEqual(readJson('{"seed":null}'), { seed: null });
});
