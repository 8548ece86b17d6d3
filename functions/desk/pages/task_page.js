// One task, whatever its status.

import { Resource, query } from "./api.js";
import { button, element, fill } from "./element.js";
import { listenForKeys } from "./keys.js";
import { sentence } from "./notices.js";
import { outbox } from "./outbox.js";
import { placeText } from "./progress.js";
import { listenForSwipes } from "./swipe.js";
import { taskPanel } from "./task_panel.js";
import { trail } from "./trail.js";
import { watch } from "./watch.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").Queue} Queue */

/** `rest` is the task's id, perhaps with the index of an image: `ID/2`. @type {import("./desk.js").Page} */
export function taskPage(main, rest) {
  const [id, index] = rest.split("/");
  const path = `/v1/tasks/${encodeURIComponent(id)}`;
  /** @type {Resource<Task>} */
  let task = new Resource(path);
  const panel = taskPanel({
    moved: () => watching.now(),
    stale: () => {
      task = new Resource(path);
      watching.now();
    },
  });
  const wrong = element("p", { role: "alert" });
  const place = element("p", { class: "state", role: "status" });
  /** @type {Resource<Queue>} */
  const queue = new Resource(`/v1/queue?${query({ limit: 50 })}`);
  const before = button("Previous", () => step(-1));
  const after = button("Next", () => step(1));
  [before.disabled, after.disabled] = [-1, 1].map((by) => trail.neighbour(id, by) === null);
  const steps = element("div", { class: "row", role: "group", "aria-label": "Go to" },
    element("a", { class: "button quiet", href: `#/${trail.page}` }, `Back to ${trail.title}`), before, after);
  fill(main, element("div", { class: "work" }, steps, wrong, place, panel.node));
  panel.hide();
  listenForSwipes(panel.viewer.stage, (by) => step(by));
  let chosen = index === undefined;

  /** @param {number} by */
  function step(by) {
    const next = trail.neighbour(id, by);
    if (next) location.hash = `#/task/${next}`;
  }

  const watching = watch(
    async (signal) => {
      const asked = task;
      const changed = await asked.load(signal);
      fill(wrong);
      if (asked.value) panel.show(asked.value);
      const waits = asked.value?.status === "pending";
      if (waits) await queue.load(signal);
      const where = waits ? placeText(queue.value, id) : "";
      if (place.textContent !== where) place.textContent = where;
      if (!chosen && asked.value) {
        chosen = true;
        panel.viewer.choose(Number(index));
      }
      return changed || waits;
    },
    (problem) => fill(wrong, sentence(problem.message)),
  );
  const stopKeys = listenForKeys([
    { keys: ["j", "ArrowRight"], does: "Next", action: () => step(1) },
    { keys: ["k", "ArrowLeft"], does: "Previous", action: () => step(-1) },
    ...panel.keys,
  ]);
  outbox.addEventListener("sent", watching.now);
  return () => {
    watching.stop();
    stopKeys();
    panel.stop();
    outbox.removeEventListener("sent", watching.now);
  };
}
