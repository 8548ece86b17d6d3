import assert from "node:assert/strict";
import { test } from "node:test";

import { fromInfotext, fromRecord } from "../../pages/image_settings.js";
import { textsIn } from "../../pages/image_texts.js";
import { keepsSeeds } from "../../pages/json.js";

test("a prompt, a negative prompt and parameters are read from infotext", () => {
  const text = "a heart\non a table\nNegative prompt: green\nblue\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, " +
    "CFG scale: 4.5, Seed: 18446744073709551615, Size: 1024x768, Lora hashes: \"a: 1, b: 2\", Version: v1.10.0";
  assert.deepEqual(fromInfotext(text), { unused: [], settings: {
    prompt: "a heart\non a table", negative_prompt: "green\nblue", steps: 20, scheduler: "dpmpp_2m_karras", guidance_scale: 4.5,
    seed: "18446744073709551615", width: 1024, height: 768,
  } });
});

test("what is missing from infotext is left to the model", () => {
  const unknown = fromInfotext("a heart\nSteps: 20, Sampler: Unknown, Hires upscale: 2, Version: 1");
  assert.deepEqual(unknown, { settings: { prompt: "a heart", steps: 20 }, unused: ["the sampler “Unknown”, which is not known here", "Hires upscale"] });
  const beta = "a heart\nSteps: 20, Sampler: DPM++ 3M SDE, Schedule type: Beta";
  assert.deepEqual(fromInfotext(beta)?.settings, { prompt: "a heart", steps: 20, scheduler: "DPM++ 3M SDE Beta" });
  const merged = (ratio) => fromInfotext(`a heart\nSteps: 20, Token merging ratio: ${ratio}`);
  assert.deepEqual(merged(0.5), { settings: { prompt: "a heart", steps: 20, token_merging: 0.5 }, unused: [] });
  assert.deepEqual([merged(0.9)?.settings.token_merging, merged(0)?.settings.token_merging], [0.75, undefined]);
  for (const text of ["", "a heart", "Steps: 20, Sampler: Euler"]) assert.equal(fromInfotext(text), null);
});

test("a variation and the layers left out are read from infotext", () => {
  const text = "a heart\nSteps: 20, Sampler: Euler, Clip skip: 3, Variation seed: 18446744073709551615, Variation seed strength: 0.2";
  assert.deepEqual(fromInfotext(text), { unused: [], settings: {
    prompt: "a heart", steps: 20, scheduler: "euler", clip_skip: 1, variation_strength: 0.2, variation_seed: "18446744073709551615",
  } });
});

test("every setting that can be requested is read from Easel's record", { skip: !keepsSeeds }, () => {
  const request = {
    prompt: "a heart", steps: 12, seed: 7, strength: 0.3, use_refiner: false, high_noise_frac: 0.8, guidance_rescale: 0.5, negative_prompt: null, other: 1,
  };
  const names = ["prompt", "negative_prompt", "steps", "seed", "strength", "use_refiner", "high_noise_frac", "guidance_rescale", "init_image"];
  const read = (record) => fromRecord(JSON.stringify(record), names);
  assert.deepEqual(read({ request }), { prompt: "a heart", steps: 12, seed: "7", guidance_rescale: 0.5 });
  const refined = { ...request, use_refiner: true };
  assert.deepEqual(read({ request: refined, init: {} }), {
    prompt: "a heart", steps: 12, seed: "7", strength: 0.3, use_refiner: true, high_noise_frac: 0.8, guidance_rescale: 0.5,
  });
  for (const text of ["", "a heart", "{}", "null", '{"request":{}}']) assert.equal(fromRecord(text, names), null);
});

test("the model, LoRAs and embeddings of Easel's record are asked for by name", { skip: !keepsSeeds }, () => {
  const record = {
    request: { prompt: "a heart <lora:pen:0.7>" }, model: "turbo",
    loras: [{ name: "pen", sha256: "ab", weights: "0.7" }, { name: "ink", sha256: "cd", weights: "-0.5" }],
    embeddings: [{ name: "easel-hands", sha256: "ef" }],
  };
  const read = (names) => fromRecord(JSON.stringify(record), names);
  assert.deepEqual(read(["prompt", "model", "loras", "embeddings"]), {
    prompt: "a heart <lora:pen:0.7>", model: "turbo", loras: [{ name: "ink", weight: -0.5 }], embeddings: ["easel-hands"],
  });
  assert.deepEqual(read(["prompt"]), { prompt: "a heart <lora:pen:0.7>" });
});

test("text chunks of a PNG are found", () => {
  const chunk = (type, data) => {
    const bytes = Buffer.from(data, "latin1");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, Buffer.from(type), bytes, Buffer.alloc(4)]);
  };
  const file = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", "0123456789abc"), chunk("tEXt", "parameters\0a heart"),
    chunk("iTXt", "easel\0\0\0\0\0{}"), chunk("IEND", ""),
  ]);
  assert.deepEqual(textsIn(new Uint8Array(file)), { parameters: "a heart", easel: "{}" });
});

test("an image cut short or of another kind has no texts", () => {
  for (const bytes of [[], [0x89, 0x50, 0x4e, 0x47], [0xff, 0xd8, 0xff, 0xe1, 0, 9], [0x52, 0x49, 0x46, 0x46, 0, 0, 0, 0, 0x57, 0x45, 0x42, 0x50]]) {
    assert.deepEqual(textsIn(new Uint8Array(bytes)), {});
  }
});
