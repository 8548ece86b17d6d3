import assert from "node:assert/strict";
import { test } from "node:test";

import { NOTHING_OFFERED, onlyOffered } from "../../pages/offers.js";

const offers = {
  ...NOTHING_OFFERED, models: [{ name: "base" }, { name: "turbo" }], loras: [{ name: "ink" }], embeddings: [{ name: "hands" }],
};

test("names that are not offered are left out and said", () => {
  const values = { prompt: "a heart", model: "xl", loras: [{ name: "ink", weight: 0.5 }, { name: "pen", weight: 1 }], embeddings: ["feet"] };
  assert.deepEqual(onlyOffered(values, offers), {
    values: { prompt: "a heart", loras: [{ name: "ink", weight: 0.5 }], embeddings: [] }, missing: ["xl", "pen", "feet"],
  });
});

test("the model that draws anyway is not named", () => {
  assert.deepEqual(onlyOffered({ model: "base" }, offers), { values: {}, missing: [] });
  assert.deepEqual(onlyOffered({ model: "turbo" }, offers), { values: { model: "turbo" }, missing: [] });
});
