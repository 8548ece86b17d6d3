// Approving and rejecting: held for ten seconds, with a notice that undoes it.

import { ask } from "./ask.js";
import { button, element } from "./element.js";
import { notice } from "./notices.js";
import { HELD, hold, outbox, held, undo } from "./outbox.js";
import { counted, titleOf } from "./words.js";

/** @typedef {import("../types/api").Task} Task */

const QUICK = [
  "Does not follow the prompt",
  "Flaws in the picture",
  "Wrong style",
  "Text or marks in the picture",
  "Not fit to be published",
];

/** @type {{group: string, close: () => void}[]} */
const latest = [];

/** @param {Task[]} tasks */
const subject = (tasks) =>
  tasks.length === 1 ? `“${titleOf(tasks[0])}”` : counted(tasks.length, "task");

/**
 * @param {Task[]} tasks
 * @param {string} note
 */
export function approve(tasks, note) {
  tell(hold(tasks, "approve", note), `Approved ${subject(tasks)}.`);
}

/**
 * Asks for the reason first; says whether there was one.
 * @param {Task[]} tasks
 */
export async function reject(tasks) {
  const reason = await ask({ title: `Reject ${subject(tasks)}`, label: "Reason", action: "Reject", required: true, quick: QUICK });
  if (!reason) return false;
  tell(hold(tasks, "reject", reason), `Rejected ${subject(tasks)}.`);
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
function tell(group, text) {
  const left = element("span", { "aria-hidden": "true" }, ` ${HELD / 1000}`);
  const take = button("Undo", () => {
    end();
    undo(group);
  }, { class: "primary" });
  take.append(left);
  const close = notice(text, { actions: [take], lasts: true });
  const due = Date.now() + HELD;
  const counting = setInterval(() => {
    left.textContent = ` ${Math.max(0, Math.ceil((due - Date.now()) / 1000))}`;
    if (!held().some((decision) => decision.group === group && (decision.due > Date.now()))) end();
  }, 250);
  const end = () => {
    clearInterval(counting);
    close();
    outbox.removeEventListener("changed", changed);
    const place = latest.findIndex((decision) => decision.group === group);
    if (place >= 0) latest.splice(place, 1);
  };
  const changed = () => {
    if (!held().some((decision) => decision.group === group)) end();
  };
  outbox.addEventListener("changed", changed);
  latest.push({ group, close: end });
}
