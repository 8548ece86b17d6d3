// The browser's notifications about one's own tasks: drawn, failed, or decided on by somebody else. They come while the
// desk is open in a tab, in the background too.

import { Problem, Resource, Unreachable, query } from "./api.js";
import { news } from "./news.js";
import { notice } from "./notices.js";
import { session } from "./session.js";
import { statusName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

const ON = "easel.notify";
const OFTEN = 5000;
const COUNT = 50;

export const canNotify = () => "Notification" in window && Notification.permission !== "denied";
export const notifies = () => "Notification" in window && Notification.permission === "granted" && Boolean(localStorage.getItem(ON));

/** Asks the person for permission, or ends it. */
export async function toggleNotifications() {
  if (notifies()) {
    localStorage.removeItem(ON);
    return;
  }
  if ((await Notification.requestPermission()) !== "granted") {
    notice("The browser does not allow notifications here.", { kind: "wrong" });
    return;
  }
  localStorage.setItem(ON, "1");
  look();
}

/** @type {Map<string, string> | null} */
let statuses = null;
let owner = "";
/** @type {Resource<import("../types/desk").TaskPage> | null} */
let list = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

async function look() {
  clearTimeout(timer);
  const me = session.identity?.name;
  try {
    if (me && notifies()) {
      if (me !== owner || !list) {
        [owner, statuses, list] = [me, null, new Resource(`/v1/tasks?${query({ owner: me, limit: COUNT })}`)];
      }
      if (await list.load()) {
        const tasks = list.value?.tasks ?? [];
        news(statuses, tasks, me).forEach(say);
        statuses = new Map(tasks.map(({ id, status }) => [id, status]));
      }
    }
  } catch (error) {
    if (!(error instanceof Problem) && !(error instanceof Unreachable)) throw error;
  } finally {
    timer = setTimeout(look, OFTEN);
  }
}

/** @param {ListedTask} task */
function say(task) {
  const reason = task.status === "rejected" ? task.attempt.rejection?.note : task.status === "failed" ? task.attempt.failure?.reason : "";
  const shown = new Notification(statusName(task.status), { body: [titleOf(task), reason].filter(Boolean).join("\n"), tag: task.id, icon: task.attempt.images[0]?.thumbnail_url });
  shown.onclick = () => {
    window.focus();
    location.hash = `#/task/${task.id}`;
    shown.close();
  };
}

let started = false;

export function startNotifications() {
  if (started) return;
  started = true;
  look();
}
