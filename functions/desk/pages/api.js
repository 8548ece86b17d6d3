// Calls of the service. Every answer that is not what was asked for is a `Problem`; no answer is `Unreachable`.

import { readJson, writeJson } from "./json.js";
import { session } from "./session.js";

/** @typedef {import("../types/api").ProblemDocument} ProblemDocument */

/** What the service refuses, in its own words (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Partial<ProblemDocument>} document
   */
  constructor(status, document) {
    const fields = document.errors?.map((error) => `${error.field} ${error.message}`).join("; ");
    super(fields || document.detail || document.title || `the service answered ${status}`);
    this.status = status;
    this.document = document;
  }

  /** Whether the same call may be answered later. */
  get passes() {
    return this.status === 429 || this.status >= 500;
  }
}

/** The service cannot be reached. */
export class Unreachable extends Error {
  constructor() {
    super("the service cannot be reached");
  }
}

/** Tells whether the service answers (`lost`, `back`) and when a token is good no longer (`expired`). */
export const connection = new EventTarget();
let answers = true;

/** @param {boolean} now */
function heard(now) {
  if (now === answers) return;
  answers = now;
  connection.dispatchEvent(new Event(now ? "back" : "lost"));
}

/**
 * @typedef {object} Options
 * @property {any} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] Send even if the page goes meanwhile.
 * @property {AbortSignal} [signal]
 */

/**
 * Calls the service; a 304 has no body.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<{status: number, etag: string | null, body: any}>}
 */
export async function call(method, path, { body, headers = {}, keepalive = false, signal } = {}) {
  const token = session.token;
  /** @type {Record<string, string>} */
  const all = { ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (body !== undefined) all["content-type"] = "application/json";
  let response;
  let text;
  try {
    // The page keeps what it was told with its tag itself, so that the tag it sends is the one it means.
    response = await fetch(path, {
      method, headers: all, body: body === undefined ? undefined : writeJson(body), keepalive, signal, cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    heard(false);
    throw new Unreachable();
  }
  heard(true);
  const answer = parsed(text);
  if (response.ok || response.status === 304) {
    return { status: response.status, etag: response.headers.get("etag"), body: answer };
  }
  if (response.status === 401 && token && token === session.token) connection.dispatchEvent(new Event("expired"));
  throw new Problem(response.status, answer ?? {});
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? readJson(text) : null;
  } catch {
    return null;
  }
}

/** URLs of pictures are good for an hour; what holds them is asked for again before that. */
const FRESH = 45 * 60 * 1000;

/**
 * A resource that is only sent when it changed.
 * @template T
 */
export class Resource {
  /** @type {T | null} */
  value = null;
  /** @type {string | null} */
  #etag = null;
  #at = 0;

  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }

  /**
   * Asks for it; says whether it is another one than before.
   * @param {AbortSignal} [signal]
   */
  async ask(signal) {
    const known = this.#etag && Date.now() - this.#at < FRESH ? this.#etag : null;
    const answer = await call("GET", this.path, { headers: known ? { "if-none-match": known } : {}, signal });
    if (answer.status === 304) return false;
    this.#etag = answer.etag;
    this.#at = Date.now();
    this.value = answer.body;
    return true;
  }
}

/**
 * Parameters as a query, without those that are empty.
 * @param {Record<string, string | number | null | undefined>} parameters
 */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}
