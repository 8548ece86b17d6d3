// The API's documentation, made from its own description (/openapi.json).

import { at } from "./address.js";
import { call } from "./api.js";
import { element, fill, quoting } from "./element.js";
import { listenForKeys } from "./keys.js";
import { failed } from "./notices.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** @type {import("./desk.js").Page} */
export function docsPage(main) {
  const over = new AbortController();
  fill(main, element("h1", {}, "API"));
  call("GET", "/openapi.json", { cache: "no-cache", signal: over.signal }).then(({ body }) => fill(main, ...described(body)),
    (error) => over.signal.aborted || failed(error));
  const stopKeys = listenForKeys([]);
  return () => {
    over.abort();
    stopKeys();
  };
}

/** @param {any} description @returns {Node[]} */
function described(description) {
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, shared: item.parameters ?? [], ...item[method] })));
  return [
    element("h1", {}, `${description.info.title} ${description.info.version}`),
    paragraph(description.info.description),
    element("p", {}, "The whole description is at ", element("a", { href: at("/openapi.json") }, "/openapi.json"), "."),
    ...operations.map((operation) => one(description, operation)),
    element("h2", {}, "Bodies"),
    ...Object.entries(description.components?.schemas ?? {}).map(([name, schema]) => body(name, schema)),
  ];
}

/** @param {string | undefined} text */
const paragraph = (text) => element("p", { class: "prose" }, quoting(text ?? ""));

/** @param {any} description @param {any} operation */
function one(description, { path, method, summary, description: text, parameters = [], shared, requestBody, responses = {} }) {
  const resolve = (/** @type {any} */ { $ref, ...own }) => ($ref ? $ref.split("/").slice(1).reduce((/** @type {any} */ value, /** @type {string} */ key) => value[key], description) : own);
  const all = [...shared, ...parameters].map(resolve);
  return element("details", { class: "operation" },
    element("summary", {}, element("code", {}, `${method.toUpperCase()} ${path}`), " ", quoting(summary ?? "")),
    text && text !== summary && paragraph(text),
    all.length > 0 && table(["Parameter", "In", "Type", "What"], all.map(({ name, in: place, schema, description: what, required }) =>
      [element("code", {}, name), place, typeOf(schema), quoting(`${required ? "Required. " : ""}${what ?? ""}`)])),
    requestBody && element("p", {}, "Body: ", ...contents(resolve(requestBody).content)),
    table(["Status", "Body", "What"], Object.entries(responses).map(([status, response]) => {
      const { description: what, content } = resolve(response);
      return [status, element("span", {}, ...contents(content)), quoting(what ?? "")];
    })));
}

/** @param {Record<string, {schema?: any}> | undefined} content @returns {(Node | string)[]} */
const contents = (content) => Object.entries(content ?? {}).flatMap(([type, { schema }], index) => [index > 0 ? ", " : "", typeOf(schema), ` (${type})`]);

/** A type in a few words, which leads to its own description where it has a name. @param {any} schema @returns {Node | string} */
function typeOf(schema) {
  if (!schema) return "";
  const alternatives = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])].filter(({ type }) => type !== "null");
  if (alternatives.length > 0) return element("span", {}, alternatives.flatMap((one, index) => [index > 0 ? " or " : "", typeOf(one)]));
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return element("a", { href: "#/docs", onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      const section = document.getElementById(`schema-${name}`);
      if (section instanceof HTMLDetailsElement) section.open = true;
      section?.scrollIntoView();
    } }, name);
  }
  const type = [schema.type].flat().filter((name) => name && name !== "null").join(" or ");
  if (type === "array" && schema.items) return element("span", {}, "list of ", typeOf(schema.items));
  const bounds = [schema.minimum, schema.maximum].some((bound) => bound !== undefined) ? `, ${schema.minimum ?? ""} to ${schema.maximum ?? ""}` : "";
  const words = schema.enum ? `: ${schema.enum.filter((/** @type {unknown} */ word) => word !== null).join(", ")}` : "";
  return `${type}${bounds}${words}`;
}

/** @param {string} name @param {any} schema */
const body = (name, schema) => element("details", { id: `schema-${name}`, class: "operation" }, element("summary", {}, element("code", {}, name)),
  paragraph(schema.description),
  schema.properties ? table(["Field", "Type", "What"], Object.entries(schema.properties).map(([field, property]) =>
    [element("code", {}, field), typeOf(property), quoting(`${schema.required?.includes(field) ? "" : "Optional. "}${property.description ?? ""}`)]))
    : element("p", {}, typeOf(schema)));

/** @param {string[]} heads @param {(Node | string | (Node | string)[])[][]} rows */
const table = (heads, rows) => element("table", { class: "prose" },
  element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
  element("tbody", {}, rows.map((row) => element("tr", {}, row.map((cell) => element("td", {}, cell))))));
