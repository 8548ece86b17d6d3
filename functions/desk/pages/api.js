// Calls to the service. Every response that is not a success is a `Problem`; no response is `Unreachable`.

import { at } from "./address.js";
import { readJson, writeJson } from "./json.js";
import { randomText } from "./random.js";
import { session } from "./session.js";

/** @typedef {import("../types/desk").Problem} ProblemDocument */

/** The same request is on its way already. */
const STILL_ANSWERING = "urn:easel:problem:still-answering";

/** What the service refuses, in its own words (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {Partial<ProblemDocument>} document
   * @param {number | null} [retryAfter] After how many seconds the same call may succeed, where the service says so.
   */
  constructor(status, document, retryAfter = null) {
    const fields = document.errors?.map((error) => `${error.field} ${error.message}`).join("; ");
    super(fields || document.detail || document.title || `the service responded with ${status}`);
    this.status = status;
    this.document = document;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may succeed later. */
  get isTemporary() {
    return this.status === 429 || this.status >= 500 || this.document.type === STILL_ANSWERING;
  }
}

/** The service cannot be reached. */
export class Unreachable extends Error {
  constructor() {
    super("the service cannot be reached");
  }
}

/** Dispatches `lost` and `back` as the service goes away and returns, and `expired` when the token is no longer valid. */
export const connection = new EventTarget();
let connected = true;

/** @param {boolean} now */
function setConnected(now) {
  if (now === connected) return;
  connected = now;
  connection.dispatchEvent(new Event(now ? "back" : "lost"));
}

/**
 * @typedef {object} Options
 * @property {any} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] Send even if the page is closed meanwhile.
 * @property {RequestCache} [cache] Resources keep their ETags themselves, so by default the browser's cache stays out.
 * @property {AbortSignal} [signal]
 */

/**
 * Calls the service; a 304 has no body.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<{status: number, etag: string | null, body: any}>}
 */
export async function call(method, path, { body, headers = {}, keepalive = false, cache = "no-store", signal } = {}) {
  const token = session.token;
  /** @type {Record<string, string>} */
  const all = { ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (body !== undefined) all["content-type"] = "application/json";
  // Browsers send again what they believe to be lost; it is done once.
  if (method === "POST") all["idempotency-key"] ??= randomText();
  let response;
  let text;
  try {
    response = await fetch(at(path), {
      method, headers: all, body: body === undefined ? undefined : writeJson(body), keepalive, signal, cache,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    setConnected(false);
    throw new Unreachable();
  }
  setConnected(true);
  const content = parse(text);
  if (response.ok || response.status === 304) {
    return { status: response.status, etag: response.headers.get("etag"), body: content };
  }
  if (response.status === 401 && token && token === session.token) connection.dispatchEvent(new Event("expired"));
  throw new Problem(response.status, content ?? {}, Number(response.headers.get("retry-after")) || null);
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? readJson(text) : null;
  } catch {
    return null;
  }
}

/** URLs of images are valid for an hour; what contains them is requested again before that. */
const FRESH = 45 * 60 * 1000;

/**
 * A resource that is only sent when it has changed.
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
   * Requests it; returns whether it has changed.
   * @param {AbortSignal} [signal]
   */
  async load(signal) {
    const known = this.#etag && Date.now() - this.#at < FRESH ? this.#etag : null;
    const response = await call("GET", this.path, { headers: known ? { "if-none-match": known } : {}, signal });
    if (response.status === 304) return false;
    this.#etag = response.etag;
    this.#at = Date.now();
    this.value = response.body;
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

const EVENTS = 1000;

/**
 * Everything that happened to a task, oldest first.
 * @param {string} id
 * @returns {Promise<import("../types/desk").TaskEvent[]>}
 */
export async function historyOf(id) {
  /** @type {import("../types/desk").TaskEvent[]} */
  const events = [];
  /** @type {string | null | undefined} */
  let cursor = null;
  do {
    /** @type {import("../types/desk").History} */
    const page = (await call("GET", `/v1/tasks/${id}/history?${query({ limit: EVENTS, cursor })}`)).body;
    events.push(...page.events);
    cursor = page.next_cursor;
  } while (cursor);
  return events;
}
