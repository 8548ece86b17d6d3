// What happened to a person's tasks that is worth saying: drawn, failed, or decided on by somebody else.

/** @typedef {import("../types/desk").ListedTask} ListedTask */

/** What is worth saying, and after which statuses. */
const DONE = ["awaiting_approval", "failed"];
const DECIDED = ["approved", "rejected", "published"];

/**
 * What has happened to tasks since they were looked at last; nothing where this is the first look.
 * @param {Map<string, string> | null} before The status of each.
 * @param {ListedTask[]} now
 * @param {string} me
 * @returns {ListedTask[]}
 */
export const news = (before, now, me) => now.filter((task) => {
  if (!before) return false;
  const known = before.get(task.id);
  // What is unknown is new, or so old that it was not on the list. Ids go up with time.
  const isOld = known === undefined && [...before.keys()].some((id) => id > task.id);
  if (isOld || known === task.status) return false;
  const by = task.status === "rejected" ? task.attempt.rejection?.by : task.status === "published" ? task.publication?.by : task.approval?.by;
  return DONE.includes(task.status) || (DECIDED.includes(task.status) && by !== me);
});
