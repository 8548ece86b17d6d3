// The state of Review: the tasks that wait for a decision, which one is shown and which are selected. It knows nothing
// of the page or of the service.

/** @typedef {import("../types/desk").ListedTask} ListedTask */

export class ReviewQueue {
  /** @type {ListedTask[]} */
  waiting = [];
  /** @type {string | null} */
  current = null;
  /** @type {Set<string>} */
  selected = new Set();
  /** Whether the service has more than these. */
  hasMore = false;
  #lastChosen = "";
  #decided;

  /** @param {(id: string) => boolean} decided Whether a decision on the task is on its way. */
  constructor(decided) {
    this.#decided = decided;
  }

  /** The tasks without a decision. */
  open() {
    return this.waiting.filter((task) => !this.#decided(task.id));
  }

  /** The selected ones among them. */
  chosen() {
    return this.open().filter((task) => this.selected.has(task.id));
  }

  /**
   * The task to show once one has been decided on: the next one, or else the one before.
   * @param {string} id
   */
  after(id) {
    const index = this.waiting.findIndex((task) => task.id === id);
    const candidates = [...this.waiting.slice(index + 1), ...this.waiting.slice(0, Math.max(0, index)).reverse()];
    return candidates.find((task) => !this.#decided(task.id)) ?? null;
  }

  /**
   * The task so many places further on, or back.
   * @param {number} by
   */
  neighbour(by) {
    const tasks = this.open();
    const index = tasks.findIndex((task) => task.id === this.current);
    return tasks[Math.min(tasks.length - 1, Math.max(0, index + by))] ?? null;
  }

  /**
   * Selects a task, or all between the last chosen one and this.
   * @param {string} id
   * @param {boolean} on
   * @param {boolean} through
   */
  choose(id, on, through) {
    const tasks = this.open();
    const [from, to] = [this.#lastChosen, id].map((chosen) => tasks.findIndex((task) => task.id === chosen));
    const range = through && from >= 0 ? tasks.slice(Math.min(from, to), Math.max(from, to) + 1) : tasks.slice(to, to + 1);
    for (const task of range) on ? this.selected.add(task.id) : this.selected.delete(task.id);
    this.#lastChosen = id;
  }

  /**
   * Takes over what the service has now.
   * @param {ListedTask[]} tasks
   * @param {boolean} hasMore
   * @param {boolean} renewed Whether the URLs of images are new ones; else a task that is the same keeps its own, so that
   *   its image is not loaded again.
   */
  update(tasks, hasMore, renewed) {
    const known = new Map(renewed ? [] : this.waiting.map((task) => [`${task.id} ${task.version}`, task]));
    this.waiting = tasks.map((task) => {
      const before = known.get(`${task.id} ${task.version}`);
      if (!before) return task;
      // Neither comments nor who reviews it make a new version.
      const { reviewer, comment_count, open_comment_count } = task;
      return Object.assign(before, { reviewer, comment_count, open_comment_count });
    });
    this.hasMore = hasMore;
    for (const id of this.selected) if (!tasks.some((task) => task.id === id)) this.selected.delete(id);
  }

  clear() {
    [this.current, this.waiting] = [null, []];
    this.selected.clear();
  }
}
