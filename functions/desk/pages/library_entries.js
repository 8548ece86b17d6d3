// The state of Library: what is known of the list of tasks, in its order, and where it goes on.

import { titleOf } from "./words.js";

/** @typedef {import("../types/desk").ListedTask} ListedTask */
/**
 * What the page keeps of a task.
 * @typedef {{id: string, status: string, title: string, owner: string, created: string, thumbnail: string | undefined,
 *   images: number, attempt: number, version: number, key: string}} Entry
 */

export class LibraryEntries {
  /** @type {Entry[]} */
  all = [];
  /** Where the list goes on; null at its end, undefined before its first page. @type {string | null | undefined} */
  cursor = undefined;
  /** Whether the list begins with the oldest. */
  oldestFirst = false;
  /** How often URLs of images were requested anew. */
  renewals = 0;

  clear() {
    [this.all, this.cursor] = [[], undefined];
  }

  /** Whether the service has no more of them. */
  get complete() {
    return this.cursor === null;
  }

  /**
   * Adds the next page of the list.
   * @param {ListedTask[]} tasks
   * @param {string | null | undefined} cursor
   */
  append(tasks, cursor) {
    const known = new Set(this.all.map(({ id }) => id));
    this.all.push(...tasks.filter(({ id }) => !known.has(id)).map((task) => this.#entry(task)));
    this.cursor = cursor ?? null;
  }

  /**
   * Replaces the part of the list that begins after the task `above`, or at the start.
   * @param {ListedTask[]} tasks
   * @param {string | null} above
   * @param {boolean} toEnd Whether nothing follows them.
   */
  replace(tasks, above, toEnd) {
    const from = above === null ? 0 : this.all.findIndex(({ id }) => id === above) + 1;
    const last = tasks.at(-1)?.id;
    // Ids sort by creation.
    const to = toEnd || last === undefined ? -1 : this.all.findIndex(({ id }) => (this.oldestFirst ? id > last : id < last));
    const until = to < 0 ? this.all.length : to;
    // An entry that is the same stays, so that its image is not loaded again from another URL.
    const known = new Map(this.all.slice(from, until).map((entry) => [entry.key, entry]));
    const now = tasks.map((task) => this.#entry(task)).map((entry) => known.get(entry.key) ?? entry);
    this.all.splice(from, until - from, ...now);
    if (toEnd) this.cursor = null;
  }

  /** @param {ListedTask} task @returns {Entry} */
  #entry(task) {
    return {
      id: task.id,
      status: task.status,
      title: titleOf(task),
      owner: task.owner,
      created: task.created_at,
      thumbnail: task.attempt.images[0]?.thumbnail_url,
      images: task.attempt.images.length,
      attempt: task.attempt.number,
      version: task.version,
      key: `${task.id} ${task.version} ${this.renewals}`,
    };
  }
}
