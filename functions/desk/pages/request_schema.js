// The settings that a request may have, as the API's own description (/openapi.json) defines them.

import { call } from "./api.js";

/**
 * A JSON schema, as far as the form reads it.
 * @typedef {object} Schema
 * @property {string | string[]} [type]
 * @property {string} [description]
 * @property {unknown} [default]
 * @property {(string | null)[]} [enum]
 * @property {string[]} [examples]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [multipleOf]
 * @property {number} [minLength]
 * @property {number} [maxLength]
 * @property {number} [minItems]
 * @property {number} [maxItems]
 * @property {Schema} [items]
 * @property {Schema | boolean} [additionalProperties]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {Schema[]} [oneOf]
 * @property {Schema[]} [anyOf]
 * @property {string} [$ref]
 */

/** @typedef {"choice" | "boolean" | "integer" | "number" | "text" | "numbers" | "list" | "map" | "json"} Kind */

/** @typedef {{name: string, kind: Kind, schema: Schema, required: boolean}} Setting */

/**
 * The description, which the browser keeps and asks the service to confirm.
 * @param {AbortSignal} signal
 */
export async function loadDescription(signal) {
  return (await call("GET", "/openapi.json", { cache: "no-cache", signal })).body;
}

/**
 * The settings of the request that `POST path` takes, by name.
 * @param {any} description
 * @param {string} path
 * @returns {Map<string, Setting>}
 */
export function settingsOf(description, path) {
  const body = description.paths[path].post.requestBody.content["application/json"].schema;
  const { properties = {}, required = [] } = resolved(description, body);
  return new Map(Object.entries(properties).map(([name, property]) => {
    const schema = resolved(description, property);
    return [name, { name, kind: kindOf(schema), schema, required: required.includes(name) }];
  }));
}

/**
 * A schema without references and without the alternative of null.
 * @param {any} description
 * @param {Schema} schema
 * @returns {Schema}
 */
function resolved(description, schema) {
  const { $ref, oneOf, anyOf, ...own } = schema;
  if ($ref) {
    const keys = $ref.replace(/^#\//, "").split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    return { ...resolved(description, keys.reduce((value, key) => value[key], description)), ...own };
  }
  const alternatives = (oneOf ?? anyOf ?? []).filter(({ type }) => type !== "null");
  if (alternatives.length === 1) return { ...resolved(description, alternatives[0]), ...own };
  return own.items ? { ...own, items: resolved(description, own.items) } : own;
}

/** @param {Schema} schema */
const typeOf = ({ type }) => (Array.isArray(type) ? type.find((name) => name !== "null") : type);

/**
 * What kind of control a value takes.
 * @param {Schema} schema
 * @returns {Kind}
 */
function kindOf(schema) {
  const { items, additionalProperties, minItems, maxItems, properties } = schema;
  if (schema.enum || schema.examples) return "choice";
  switch (typeOf(schema)) {
    case "boolean": return "boolean";
    case "integer": return "integer";
    case "number": return "number";
    case "string": return "text";
    case "array": {
      const type = items && typeOf(items);
      if ((type === "integer" || type === "number") && maxItems && minItems === maxItems) return "numbers";
      return type === "string" ? "list" : "json";
    }
    case "object":
      return !properties && typeof additionalProperties === "object" && typeOf(additionalProperties) === "string" ? "map" : "json";
    default: return "json";
  }
}
