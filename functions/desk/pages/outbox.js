// Decisions on their way: each is held for ten seconds, in which it can be undone, then sent on the condition that the
// task is still as it was seen. They are kept in the browser's storage, so that none is lost by a reload, a lost
// connection or a restarted service.

import { kept } from "./address.js";
import { Problem, Unreachable, call, connection, query } from "./api.js";
import { randomText } from "./random.js";
import { session } from "./session.js";
import { ago, changeName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */

/** @typedef {"approve" | "reject" | "publish"} Deciding */
/** @typedef {Partial<import("./remark_bar.js").Remarks>} Said */

/**
 * @typedef {object} Decision
 * @property {string} key
 * @property {string} group Decisions made together are undone together.
 * @property {string} who
 * @property {string} task
 * @property {string} about The task's title, for people.
 * @property {Deciding} move
 * @property {string} words The note or the reason.
 * @property {number[]} [images] The indexes of the images that are approved, if not all are.
 * @property {Said} [said] What is said of single images.
 * @property {number} version The version that was seen.
 * @property {number} due When it is sent, in milliseconds since 1970.
 * @property {string} [refusal] Why it was refused, until somebody has read it.
 */

export const HELD = 10_000;
const KEY = kept("easel.outbox");
const AGAIN = 5000;

/** Dispatches `changed`; `sent` with the task as `detail`; `made` with the decision and the task; `undone` with the tasks' ids. */
export const outbox = new EventTarget();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @returns {Decision[]} */
function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Decision[]} decisions */
function keep(decisions) {
  localStorage.setItem(KEY, JSON.stringify(decisions));
  outbox.dispatchEvent(new Event("changed"));
  plan();
}

/** The decisions of the person who is signed in. */
const own = () => all().filter((decision) => decision.who === session.identity?.name);

/** Those that have not been sent. */
export const held = () => own().filter((decision) => !decision.refusal);

/** Those that the service refused. */
export const refused = () => own().filter((decision) => decision.refusal);

/**
 * Whether a decision on the task is on its way.
 * @param {string} task
 */
export const holds = (task) => held().some((decision) => decision.task === task);

/**
 * Holds one decision on tasks; returns its group.
 * @param {ListedTask[]} tasks
 * @param {Deciding} move
 * @param {string} words
 * @param {number[]} [images]
 * @param {Said} [said]
 */
export function hold(tasks, move, words, images = [], said = {}) {
  const group = randomText();
  const who = session.identity?.name ?? "";
  const due = Date.now() + HELD;
  const made = tasks.map((task) => ({
    key: randomText(), group, who, task: task.id, about: titleOf(task), move, words, images, said, version: task.version, due,
  }));
  keep([...all().filter((decision) => !tasks.some((task) => task.id === decision.task && !decision.refusal)), ...made]);
  return group;
}

/**
 * Takes back what has not been sent.
 * @param {string} group
 */
export function undo(group) {
  const tasks = held().filter((decision) => decision.group === group).map(({ task }) => task);
  keep(all().filter((decision) => decision.group !== group));
  outbox.dispatchEvent(new CustomEvent("undone", { detail: tasks }));
}

/**
 * Forgets a decision that was refused, once it has been read.
 * @param {string} key
 */
export const dismiss = (key) => keep(all().filter((decision) => decision.key !== key));

/**
 * Sends what is held for a task now.
 * @param {string} task
 */
export async function sendNow(task) {
  keep(all().map((decision) => (decision.task === task && !decision.refusal ? { ...decision, due: 0 } : decision)));
  await send();
}

function plan() {
  clearTimeout(timer);
  const next = Math.min(...held().map((decision) => decision.due));
  if (Number.isFinite(next)) timer = setTimeout(send, Math.max(0, next - Date.now()));
}

/** One tab sends at a time; what another one has sent is no longer in the storage. */
async function send() {
  const locks = navigator.locks;
  await (locks ? locks.request(KEY, sendDue) : sendDue());
}

async function sendDue() {
  for (const decision of held().filter(({ due }) => due <= Date.now())) {
    const still = all().find(({ key }) => key === decision.key);
    if (!still || still.refusal) continue;
    try {
      const task = await submit(decision);
      dismiss(decision.key);
      outbox.dispatchEvent(new CustomEvent("sent", { detail: task }));
      outbox.dispatchEvent(new CustomEvent("made", { detail: { decision, task } }));
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof Problem && (error.isTemporary || error.status === 401))) {
        clearTimeout(timer);
        timer = setTimeout(send, AGAIN);
        return;
      }
      const refusal = error instanceof Error ? error.message : String(error);
      keep(all().map((other) => (other.key === decision.key ? { ...other, refusal } : other)));
    }
  }
  plan();
}

/**
 * @param {Decision} decision
 * @returns {Promise<Task>}
 */
async function submit({ key, task, move, words, images = [], said = {}, version }) {
  const { notes = [], regions = [] } = said;
  /** @type {Record<Deciding, any>} */
  const bodies = { 
    reject: { reason: words, notes, regions },
    approve: { note: words || null, images: images.length > 0 ? images : null, notes },
    publish: {},
  };
  const body = bodies[move];
  // Sent again after its answer was lost, it is answered as the first time.
  const headers = { "if-match": `"${version}"`, "idempotency-key": key };
  try {
    return (await call("POST", `/v1/tasks/${task}/${move}`, { body, headers, keepalive: true })).body;
  } catch (error) {
    if (!(error instanceof Problem) || error.isTemporary || (error.status !== 412 && error.status !== 409)) throw error;
    return explained(task, move, words, version, error);
  }
}

/**
 * What another change means: it may be this same decision, whose response was lost.
 * @param {string} task
 * @param {string} move
 * @param {string} words
 * @param {number} version
 * @param {Problem} refusal
 * @returns {Promise<Task>}
 */
async function explained(task, move, words, version, refusal) {
  /** @type {import("../types/desk").TaskEvent | undefined} */
  const next = (await call("GET", `/v1/tasks/${task}/history?${query({ cursor: version, limit: 1 })}`)).body.events[0];
  if (!next) throw refusal;
  if (next.change === move && next.by.name === session.identity?.name && (next.reason ?? "") === words) {
    return (await call("GET", `/v1/tasks/${task}`)).body;
  }
  const reason = next.reason ? ` with the reason “${next.reason}”` : "";
  throw new Error(`${next.by.name} ${changeName(next.change)} ${ago(next.at)}${reason}`);
}

let started = false;

/** Starts sending what the person who is signed in has decided, on this page or an earlier one. */
export function startOutbox() {
  plan();
  if (started) return;
  started = true;
  connection.addEventListener("back", () => send());
  window.addEventListener("online", () => send());
  // After the page is closed nothing can be undone. Nobody waits for the response; the next page finds the decision made.
  window.addEventListener("pagehide", () => held().forEach((decision) => void submit(decision).catch(() => {})));
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    outbox.dispatchEvent(new Event("changed"));
    plan();
  });
}
