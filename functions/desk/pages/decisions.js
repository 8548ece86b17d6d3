// Approving, rejecting and publishing: held for ten seconds, with a notice that offers to undo it.

import { call } from "./api.js";
import { ask } from "./ask.js";
import { copy } from "./clipboard.js";
import { button, element } from "./element.js";
import { failed, notice } from "./notices.js";
import { HELD, hold, outbox, held, undo } from "./outbox.js";
import { publicLinks } from "./public_links.js";
import { counted, titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

const QUICK_REASONS = [
  "Doesn't match the prompt",
  "Visual defects",
  "Wrong style",
  "Unwanted text or watermark",
  "Not suitable for publication",
];

/** What can be undone, the latest last. @type {{group: string, due: number, words: string}[]} */
let undoable = [];
/** @type {ReturnType<typeof undoNotice> | null} */
let shown = null;

/** @param {ListedTask[]} tasks */
const subject = (tasks) =>
  tasks.length === 1 ? `“${titleOf(tasks[0])}”` : counted(tasks.length, "task");

/**
 * @param {ListedTask[]} tasks
 * @param {string} note
 * @param {number[]} [images] The indexes of those that are approved; without any, all are.
 * @param {import("./outbox.js").Said} [said] What is said of single images.
 */
export function approve(tasks, note, images = [], said = {}) {
  const some = images.length > 0 ? `${counted(images.length, "image")} of ` : "";
  offerUndo(hold(tasks, "approve", note, images, said), `Approved ${some}${subject(tasks)}.`);
}

/**
 * Asks for the reason first; returns whether one was given.
 * @param {ListedTask[]} tasks
 * @param {import("./outbox.js").Said} [said] What is said of single images.
 */
export async function reject(tasks, said = {}) {
  const reason = await ask({
    title: `Reject ${subject(tasks)}`, label: "Reason", action: "Reject", required: true, quick: QUICK_REASONS,
  });
  if (!reason) return false;
  offerUndo(hold(tasks, "reject", reason, [], said), `Rejected ${subject(tasks)}.`);
  return true;
}

/** @param {ListedTask[]} tasks */
export function publish(tasks) {
  offerUndo(hold(tasks, "publish", ""), `Published ${subject(tasks)}.`);
}

/** Shows where everybody sees what has been published. @param {Event} event */
function showPublicLinks(event) {
  /** @type {import("../types/desk").Task} */
  const task = /** @type {CustomEvent} */ (event).detail;
  const links = publicLinks(task);
  if (links.length === 0) return;
  notice(element("span", {}, `“${titleOf(task)}” is public: `, links.map((link, index) => [
    index > 0 && ", ", element("a", { href: link, target: "_blank", rel: "noreferrer" }, links.length === 1 ? "open it" : `image ${index + 1}`),
  ]).flat()), { actions: [button(links.length === 1 ? "Copy link" : "Copy links", () => copy(links.join("\n"), "Link"))] });
}
outbox.addEventListener("sent", showPublicLinks);

/** Takes back the latest decision that has not been sent. */
export function undoLatest() {
  const decision = undoable.at(-1);
  if (decision) undo(decision.group);
  else notice("Nothing is left to undo: decisions are sent after ten seconds.");
}

/** Takes back every decision that has not been sent. */
function undoAll() {
  for (const { group } of [...undoable].reverse()) undo(group);
}

/**
 * @param {string} group
 * @param {string} words
 */
function offerUndo(group, words) {
  undoable.push({ group, due: Date.now() + HELD, words });
  draw();
}

/** One notice for all that can be undone: several would cover the work. */
function draw() {
  const now = Date.now();
  undoable = undoable.filter(({ group, due }) => due > now && held().some((decision) => decision.group === group));
  const latest = undoable.at(-1);
  if (!latest) {
    shown?.close();
    shown = null;
    return;
  }
  shown ??= undoNotice();
  shown.say(latest.words, undoable.length, Math.ceil((latest.due - now) / 1000));
}

function undoNotice() {
  const words = element("span");
  const others = element("span");
  const left = element("span", { "aria-hidden": "true" });
  const one = button("Undo", undoLatest, { class: "primary" });
  const all = button("Undo all", undoAll);
  one.append(left);
  const end = notice(element("span", {}, words, others), { actions: [one, all], lasts: true });
  const countdown = setInterval(draw, 250);
  return {
    /** @param {string} latest @param {number} count @param {number} seconds */
    say(latest, count, seconds) {
      // What did not change is not announced again.
      if (words.textContent !== latest) words.textContent = latest;
      const more = count > 1 ? ` ${count} decisions can be undone.` : "";
      if (others.textContent !== more) others.textContent = more;
      left.textContent = ` ${seconds}`;
      all.hidden = count < 2;
    },
    close() {
      clearInterval(countdown);
      end();
    },
  };
}

/** The decisions that were sent last, together: what can be taken back with a reason. @type {{group: string, ids: string[], end: () => void} | null} */
let made = null;

/** Offers to take back what was just sent. @param {Event} event */
function offerReopening(event) {
  /** @type {{decision: import("./outbox.js").Decision, task: import("../types/desk").Task}} */
  const { decision, task } = /** @type {CustomEvent} */ (event).detail;
  if (!task.next_moves.includes("reopen")) return;
  made?.end();
  const ids = made?.group === decision.group ? [...made.ids, task.id] : [task.id];
  const what = decision.move === "approve" ? "Approved" : "Rejected";
  const words = ids.length === 1 ? `“${decision.about}”` : counted(ids.length, "task");
  const back = button("Take back…", () => takeBack(ids).catch(failed));
  made = { group: decision.group, ids, end: notice(element("span", {}, `${what} ${words}: sent.`), { actions: [back] }) };
}

/**
 * Makes tasks await approval again; returns whether it was done.
 * @param {string[]} ids
 */
async function takeBack(ids) {
  const reason = await ask({ title: "Take the decision back?", label: "Reason", action: "Take back", required: true });
  if (!reason) return;
  made?.end();
  const { results } = (await call("POST", "/v1/tasks/bulk", { body: { ids, move: "reopen", reason } })).body;
  /** @type {{problem?: {detail?: string}}[]} */
  const refused = results.filter((/** @type {{status: number}} */ { status }) => status !== 200);
  if (refused.length > 0) throw new Error(refused[0].problem?.detail ?? "it was not taken back");
  outbox.dispatchEvent(new CustomEvent("undone", { detail: ids }));
  notice(`${counted(ids.length, "task")} ${ids.length === 1 ? "awaits" : "await"} approval again.`);
}

outbox.addEventListener("made", offerReopening);
outbox.addEventListener("changed", draw);
