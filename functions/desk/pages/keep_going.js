// Asking for one image after the other, each with a new seed, until somebody stops it. It goes on while other pages of the
// desk are looked at.

import { call } from "./api.js";
import { button, element } from "./element.js";
import { failed, notice } from "./notices.js";
import { pause, sendWithinLimits } from "./orders.js";
import { counted } from "./words.js";

const LOOK_SECONDS = 2;

/** @type {AbortController | null} */
let going = null;

/** Dispatches `changed` as it starts and ends. */
export const keepGoing = new EventTarget();

export const isGoing = () => going !== null;

export function stopGoing() {
  going?.abort();
}

/**
 * @param {Record<string, any>} values What every request has; the seed is each one's own.
 * @param {() => void} sent
 */
export async function startGoing({ seed: _, ...values }, sent) {
  if (going) return;
  const now = new AbortController();
  going = now;
  keepGoing.dispatchEvent(new Event("changed"));
  const words = element("span", {}, "Keeps going: each image is followed by another.");
  const close = notice(words, { lasts: true, actions: [button("Stop", stopGoing, { class: "primary" })] });
  let count = 0;
  try {
    while (!now.signal.aborted) {
      const say = (/** @type {string} */ text) => (words.textContent = `Keeps going: ${counted(count, "order")} so far. ${text}`);
      const task = await sendWithinLimits(async () => (await call("POST", "/v1/tasks", { body: values })).body, say, now.signal);
      if (!task) break;
      count += 1;
      say("");
      sent();
      await ended(task.id, now.signal);
    }
  } catch (error) {
    if (!now.signal.aborted) failed(error);
  } finally {
    close();
    going = null;
    keepGoing.dispatchEvent(new Event("changed"));
  }
}

/** Waits until a task needs no worker any more. @param {string} id @param {AbortSignal} signal */
async function ended(id, signal) {
  while (!signal.aborted) {
    await pause(LOOK_SECONDS, signal);
    if (signal.aborted) return;
    const { status } = (await call("GET", `/v1/tasks/${id}`, { signal })).body;
    if (!["pending", "in_progress", "paused"].includes(status)) return;
  }
}
