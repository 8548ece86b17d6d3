// Asks again and again: often while something happens, ever more seldom while nothing does, not at all while nobody looks.

import { Problem, Unreachable, connection } from "./api.js";

const FASTEST = 1000;
const SLOWEST = 30_000;
const SLOWER = 1.5;

/**
 * @typedef {object} Watch
 * @property {() => void} now Asks at once, and often for a while.
 * @property {() => void} stop
 */

/**
 * Calls `ask` until stopped. It says whether something has changed; what it refuses goes to `refused`, once each.
 * @param {(signal: AbortSignal) => Promise<boolean>} ask
 * @param {(problem: Problem) => void} [refused]
 * @returns {Watch}
 */
export function watch(ask, refused = () => {}) {
  const over = new AbortController();
  let wait = FASTEST;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let asking = false;
  let again = false;
  let last = "";

  async function round() {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    try {
      wait = (await ask(over.signal)) ? FASTEST : Math.min(wait * SLOWER, SLOWEST);
      last = "";
    } catch (error) {
      if (over.signal.aborted) return;
      wait = Math.min(wait * SLOWER, SLOWEST);
      if (error instanceof Problem) {
        if (error.message !== last) refused(error);
        last = error.message;
      } else if (!(error instanceof Unreachable)) {
        throw error;
      }
    } finally {
      asking = false;
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

const SELDOM = 10_000;

/**
 * The same action at most every ten seconds: a picture that cannot be had must not be asked for without end.
 * @param {() => void} action
 */
export function seldom(action) {
  let last = -SELDOM;
  return () => {
    if (performance.now() - last < SELDOM) return;
    last = performance.now();
    action();
  };
}
