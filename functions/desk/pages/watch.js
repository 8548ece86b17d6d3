// Polling: often while something happens, less and less while nothing does, not at all while the page is hidden.

import { Problem, Unreachable, connection } from "./api.js";

const FASTEST = 1000;
const SLOWEST = 30_000;
const SLOWER = 1.5;

/**
 * @typedef {object} Watch
 * @property {() => void} now Polls at once, and often for a while.
 * @property {() => void} stop
 */

/**
 * Calls `poll` until stopped. It returns whether something has changed; a problem goes to `failed`, once each.
 * @param {(signal: AbortSignal) => Promise<boolean>} poll
 * @param {(problem: Problem) => void} [failed]
 * @returns {Watch}
 */
export function watch(poll, failed = () => {}) {
  const over = new AbortController();
  let wait = FASTEST;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let polling = false;
  let again = false;
  let last = "";

  async function round() {
    clearTimeout(timer);
    if (polling) {
      again = true;
      return;
    }
    polling = true;
    again = false;
    try {
      wait = (await poll(over.signal)) ? FASTEST : Math.min(wait * SLOWER, SLOWEST);
      last = "";
    } catch (error) {
      if (over.signal.aborted) return;
      wait = Math.min(wait * SLOWER, SLOWEST);
      if (error instanceof Problem) {
        if (error.message !== last) failed(error);
        last = error.message;
      } else if (!(error instanceof Unreachable)) {
        throw error;
      }
    } finally {
      polling = false;
    }
    if (over.signal.aborted) return;
    if (again) return round();
    if (!document.hidden) timer = setTimeout(round, wait);
  }

  function now() {
    wait = FASTEST;
    if (!document.hidden) round();
  }

  document.addEventListener("visibilitychange", now, { signal: over.signal });
  window.addEventListener("online", now, { signal: over.signal });
  connection.addEventListener("back", now, { signal: over.signal });
  round();
  return {
    now,
    stop() {
      over.abort();
      clearTimeout(timer);
    },
  };
}

const THROTTLE = 10_000;

/**
 * The same action at most every ten seconds: an image that cannot be loaded must not be requested without end.
 * @param {() => void} action
 */
export function throttled(action) {
  let last = -THROTTLE;
  return () => {
    if (performance.now() - last < THROTTLE) return;
    last = performance.now();
    action();
  };
}
