// Which reviewer looks at which task, so that two do not look at the same.

import { call } from "./api.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */

/**
 * Says that one looks at tasks, so that others take other ones; if all of them are one's own already, that one does no
 * longer. The tasks know their reviewers then.
 * @param {ListedTask[]} tasks
 */
export async function claim(tasks) {
  const release = tasks.every(({ reviewer }) => reviewer?.name === session.identity?.name);
  /** @type {{id: string, reviewer: ListedTask["reviewer"], problem?: {detail?: string}}[]} */
  const results = (await call("POST", "/v1/tasks/bulk/reviewer", { body: { ids: tasks.map(({ id }) => id), release } })).body.results;
  for (const { id, reviewer, problem } of results) {
    const task = tasks.find((other) => other.id === id);
    if (task && !problem) task.reviewer = reviewer;
  }
  const refused = results.filter(({ problem }) => problem);
  if (refused.length > 0) failed(new Error(refused[0].problem?.detail ?? "it was not claimed"));
  if (refused.length < results.length) notice(release ? "Released: others can take it." : "Claimed for 30 minutes: others see that you review it.");
}
