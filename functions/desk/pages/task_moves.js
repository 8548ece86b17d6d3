// What can be done to a task besides deciding on it, as far as its state and one's role allow.

import { call } from "./api.js";
import { ask } from "./ask.js";
import { button, element } from "./element.js";
import { failed } from "./notices.js";

/** @typedef {import("../types/api").Task} Task */

/**
 * @param {Task} task
 * @param {(task: Task) => void} moved
 * @returns {HTMLElement[]}
 */
export function moveButtons(task, moved) {
  /** @param {string} move @param {any} [body] */
  const make = async (move, body = {}) => {
    const [method, path] = move === "delete" ? ["DELETE", ""] : ["POST", `/${move}`];
    // Without If-Match: a worker that begins meanwhile is no reason to ask again, and what is not legal is refused.
    moved((await call(method, `/v1/tasks/${task.id}${path}`, method === "POST" ? { body } : {})).body);
  };
  /** @param {string} label @param {() => Promise<unknown>} action @param {string} [kind] */
  const act = (label, action, kind = "") => button(label, (event) => {
    const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
    pressed.disabled = true;
    action().catch(failed).finally(() => (pressed.disabled = false));
  }, { class: kind });
  const cancel = async () => {
    const reason = await ask({ title: "Cancel the task", label: "Reason (optional)", action: "Cancel the task" });
    if (reason !== null) await make("cancel", reason ? { reason } : {});
  };
  const remove = async () => {
    const sure = await ask({ title: "Delete the task and its pictures, seven days from now?", action: "Delete" });
    if (sure !== null) await make("delete");
  };
  /** @type {Record<string, () => HTMLElement>} */
  const buttons = {
    publish: () => act("Publish", () => make("publish"), "primary"),
    pause: () => act("Pause", () => make("pause")),
    resume: () => act("Resume", () => make("resume"), "primary"),
    retry: () => element("a", { class: "button", href: `#/make/${task.id}` }, "Retry with changes"),
    cancel: () => act("Cancel", cancel),
    delete: () => act("Delete", remove, "quiet"),
  };
  return Object.entries(buttons).filter(([move]) => task.next_moves.includes(move)).map(([, made]) => made());
}
