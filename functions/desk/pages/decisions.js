// Approving and rejecting: held for ten seconds, with a notice that offers to undo it.

import { ask } from "./ask.js";
import { button, element } from "./element.js";
import { notice } from "./notices.js";
import { HELD, hold, outbox, held, undo } from "./outbox.js";
import { counted, titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

const QUICK_REASONS = [
  "Doesn't match the prompt",
  "Visual defects",
  "Wrong style",
  "Unwanted text or watermark",
  "Not suitable for publication",
];

/** @type {{group: string, close: () => void}[]} */
const latest = [];

/** @param {ListedTask[]} tasks */
const subject = (tasks) =>
  tasks.length === 1 ? `“${titleOf(tasks[0])}”` : counted(tasks.length, "task");

/**
 * @param {ListedTask[]} tasks
 * @param {string} note
 */
export function approve(tasks, note) {
  offerUndo(hold(tasks, "approve", note), `Approved ${subject(tasks)}.`);
}

/**
 * Asks for the reason first; returns whether one was given.
 * @param {ListedTask[]} tasks
 */
export async function reject(tasks) {
  const reason = await ask({
    title: `Reject ${subject(tasks)}`, label: "Reason", action: "Reject", required: true, quick: QUICK_REASONS,
  });
  if (!reason) return false;
  offerUndo(hold(tasks, "reject", reason), `Rejected ${subject(tasks)}.`);
  return true;
}

/** Takes back the latest decision that has not been sent. */
export function undoLatest() {
  const decision = latest.pop();
  if (!decision) return;
  decision.close();
  undo(decision.group);
}

/**
 * @param {string} group
 * @param {string} text
 */
function offerUndo(group, text) {
  const left = element("span", { "aria-hidden": "true" }, ` ${HELD / 1000}`);
  const take = button("Undo", () => {
    end();
    undo(group);
  }, { class: "primary" });
  take.append(left);
  const close = notice(text, { actions: [take], lasts: true });
  const due = Date.now() + HELD;
  const countdown = setInterval(() => {
    left.textContent = ` ${Math.max(0, Math.ceil((due - Date.now()) / 1000))}`;
    if (!held().some((decision) => decision.group === group && decision.due > Date.now())) end();
  }, 250);
  const end = () => {
    clearInterval(countdown);
    close();
    outbox.removeEventListener("changed", changed);
    const index = latest.findIndex((decision) => decision.group === group);
    if (index >= 0) latest.splice(index, 1);
  };
  const changed = () => {
    if (!held().some((decision) => decision.group === group)) end();
  };
  outbox.addEventListener("changed", changed);
  latest.push({ group, close: end });
}
