// What can be done with a task besides deciding on it, as far as its status and the person's role allow.

import { Unreachable, call } from "./api.js";
import { ask } from "./ask.js";
import { publish } from "./decisions.js";
import { button, element } from "./element.js";
import { failed, notice } from "./notices.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

/**
 * @param {ListedTask} task
 * @param {(task: ListedTask) => void} moved
 * @param {(task: ListedTask) => void} [decided] Called once it is published, which is sent later.
 * @returns {HTMLElement[]}
 */
export function moveButtons(task, moved, decided = () => {}) {
  /** @param {string} move @param {any} [body] */
  const make = async (move, body = {}) => {
    const [method, path] = move === "delete" ? ["DELETE", ""] : ["POST", `/${move}`];
    // Without If-Match: a worker that starts meanwhile is no reason to refuse, and an illegal move is refused anyway.
    moved((await call(method, `/v1/tasks/${task.id}${path}`, method === "POST" ? { body } : {})).body);
  };
  /** @param {string} label @param {() => Promise<unknown>} action @param {string} [kind] */
  const act = (label, action, kind = "") => button(label, (event) => {
    const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
    pressed.disabled = true;
    action().catch((error) => {
      if (error instanceof Unreachable) notice("That could not be sent. Try again when Easel is back.", { kind: "wrong" });
      else failed(error);
    }).finally(() => (pressed.disabled = false));
  }, { class: kind });
  const cancel = async () => {
    const reason = await ask({ title: "Withdraw this request?", label: "Reason (optional)", action: "Withdraw request" });
    if (reason !== null) await make("cancel", reason ? { reason } : {});
  };
  const withdraw = async () => {
    const reason = await ask({ title: "Take the public images away?", label: "Reason (optional)", action: "Unpublish" });
    if (reason !== null) await make("unpublish", reason ? { reason } : {});
  };
  const remove = async () => {
    const sure = await ask({ title: "Delete this task? It is removed for good after seven days.", action: "Delete" });
    if (sure !== null) await make("delete");
  };
  const restores = task.status === "deleted";
  const reopen = async () => {
    const title = restores ? "Restore this task?" : task.status === "cancelled" ? "Reopen this request?" : "Take the decision back?";
    const reason = await ask({ title, label: "Reason", action: restores ? "Restore" : "Reopen", required: true });
    if (reason) await make("reopen", { reason });
  };
  /** @type {Record<string, () => HTMLElement>} */
  const buttons = {
    publish: () => button("Publish", () => {
      publish([task]);
      decided(task);
    }, { class: "primary" }),
    unpublish: () => act("Unpublish", withdraw),
    pause: () => act("Pause", () => make("pause")),
    resume: () => act("Resume", () => make("resume"), "primary"),
    retry: () => element("a", { class: "button", href: `#/create/${task.id}` }, "Retry with changes"),
    reopen: () => act(restores ? "Restore" : "Reopen", reopen),
    cancel: () => act("Withdraw request", cancel),
    delete: () => act("Delete", remove, "quiet"),
  };
  /** @type {string[]} */
  const legal = task.next_moves;
  return Object.entries(buttons).filter(([move]) => legal.includes(move)).map(([, made]) => made());
}
