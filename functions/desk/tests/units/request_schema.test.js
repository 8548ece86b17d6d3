import assert from "node:assert/strict";
import { test } from "node:test";

import { settingsOf } from "../../pages/request_schema.js";

const body = (schema) => ({ post: { requestBody: { content: { "application/json": { schema } } } } });
const description = {
  paths: {
    "/v1/tasks": body({ $ref: "#/components/schemas/Request" }),
    "/v1/tasks/{id}/retry": body({ type: "object", properties: { steps: { $ref: "#/components/schemas/Request/properties/steps" } } }),
  },
  components: {
    schemas: {
      Request: {
        type: "object",
        required: ["prompt"],
        properties: {
          prompt: { type: "string", maxLength: 2000 },
          steps: { type: ["integer", "null"], minimum: 1, maximum: 150, description: "Denoising steps." },
          guidance_rescale: { oneOf: [{ type: "number", minimum: 0 }, { type: "null" }], default: 0 },
          use_refiner: { type: ["boolean", "null"] },
          scheduler: { anyOf: [{ $ref: "#/components/schemas/Scheduler", description: "The sampler." }, { type: "null" }] },
          original_size: { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 2 },
          tags: { type: "array", items: { type: "string" } },
          metadata: { type: ["object", "null"], additionalProperties: { type: "string" } },
          anything: { type: "object", properties: { a: { type: "string" } } },
        },
      },
      Scheduler: { type: "string", enum: ["euler", "ddim"] },
    },
  },
};

test("every property is a setting of the kind that its schema says", () => {
  const settings = settingsOf(description, "/v1/tasks");
  assert.deepEqual([...settings.values()].map(({ name, kind }) => [name, kind]), [
    ["prompt", "text"], ["steps", "integer"], ["guidance_rescale", "number"], ["use_refiner", "boolean"], ["scheduler", "choice"],
    ["original_size", "numbers"], ["tags", "list"], ["metadata", "map"], ["anything", "json"],
  ]);
  assert.deepEqual([...settings.values()].filter(({ required }) => required).map(({ name }) => name), ["prompt"]);
});

test("bounds, defaults, choices and help come with it", () => {
  const settings = settingsOf(description, "/v1/tasks");
  const { minimum, maximum, description: help } = settings.get("steps").schema;
  assert.deepEqual([minimum, maximum, help], [1, 150, "Denoising steps."]);
  assert.deepEqual([settings.get("guidance_rescale").schema.minimum, settings.get("guidance_rescale").schema.default], [0, 0]);
  assert.deepEqual([settings.get("scheduler").schema.enum, settings.get("scheduler").schema.description], [["euler", "ddim"], "The sampler."]);
});

test("a retry has settings of its own, which may refer to a request's", () => {
  const settings = settingsOf(description, "/v1/tasks/{id}/retry");
  assert.deepEqual([...settings.keys()], ["steps"]);
  assert.equal(settings.get("steps").schema.maximum, 150);
});
