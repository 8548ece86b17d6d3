// Sending requests so that each is made once: the same one, sent again because it may not have arrived, has the same key.

import { Problem, call } from "./api.js";
import { randomText } from "./random.js";
import { duration } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

const WAIT_SECONDS = 10;

/**
 * @param {string} path
 * @param {Record<string, string>} [headers]
 * @returns {(body: Record<string, any>) => Promise<ListedTask>}
 */
export function sender(path, headers = {}) {
  /** @type {{content: string, key: string} | null} */
  let unsure = null;
  return async (body) => {
    const content = JSON.stringify(body);
    if (unsure?.content !== content) unsure = { content, key: randomText() };
    const { body: made } = await call("POST", path, { body, headers: { ...headers, "idempotency-key": unsure.key } });
    unsure = null;
    return made;
  };
}

/** @param {number} seconds @param {AbortSignal} signal */
export const pause = (seconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve(undefined);
  });
});

/**
 * Sends a request as soon as the owner's limits allow it; null if that was given up.
 * @param {() => Promise<ListedTask>} send
 * @param {(text: string) => void} say What is waited for.
 * @param {AbortSignal} signal
 */
export async function sendWithinLimits(send, say, signal) {
  while (!signal.aborted) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 429) throw error;
      const seconds = error.retryAfter ?? WAIT_SECONDS;
      say(`Waiting ${duration(seconds)} for room: ${error.message}.`);
      await pause(seconds, signal);
    }
  }
  return null;
}

/**
 * Sends many requests, one after the other; sent again after a failure, it goes on where it stopped.
 * @param {Record<string, any>[]} bodies
 */
export function batch(bodies) {
  const keys = bodies.map(randomText);
  let done = 0;
  return {
    /** @param {(text: string) => void} say @param {AbortSignal} signal @returns {Promise<boolean>} Whether all were sent. */
    async send(say, signal) {
      while (done < bodies.length) {
        const headers = { "idempotency-key": keys[done] };
        const body = bodies[done];
        say(`Sent ${done} of ${bodies.length}.`);
        const sent = await sendWithinLimits(async () => (await call("POST", "/v1/tasks", { body, headers })).body,
          (text) => say(`Sent ${done} of ${bodies.length}. ${text}`), signal);
        if (!sent) return false;
        done += 1;
      }
      return true;
    },
  };
}
