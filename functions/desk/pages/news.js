// What happened to a person's tasks that is worth saying: drawn, failed, or decided on by somebody else.

/** @typedef {import("../types/desk").ListedTask} ListedTask */

/** What is worth saying, and after which statuses. */
const DONE = ["awaiting_approval", "failed"];
const DECIDED = ["approved", "rejected", "published"];

/**
 * What has happened to tasks since they were looked at last.
 * @param {Map<string, string>} before The status of each.
 * @param {ListedTask[]} now
 * @param {string} me
 * @returns {ListedTask[]}
 */
export const news = (before, now, me) => now.filter((task) => {
  const known = before.get(task.id);
  if (known === undefined || known === task.status) return false;
  const by = task.status === "rejected" ? task.attempt.rejection?.by : task.status === "published" ? task.publication?.by : task.approval?.by;
  return DONE.includes(task.status) || (DECIDED.includes(task.status) && by !== me);
});
