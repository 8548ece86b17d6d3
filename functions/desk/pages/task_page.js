// One task, whatever its status.

import { Resource } from "./api.js";
import { element, fill } from "./element.js";
import { listenForKeys } from "./keys.js";
import { sentence } from "./notices.js";
import { outbox } from "./outbox.js";
import { taskPanel } from "./task_panel.js";
import { watch } from "./watch.js";

/** @typedef {import("../types/desk").Task} Task */

/** @type {import("./desk.js").Page} */
export function taskPage(main, id, configuration) {
  const path = `/v1/tasks/${encodeURIComponent(id)}`;
  /** @type {Resource<Task>} */
  let task = new Resource(path);
  const panel = taskPanel(configuration, {
    moved: () => watching.now(),
    stale: () => {
      task = new Resource(path);
      watching.now();
    },
  });
  const wrong = element("p", { role: "alert" });
  fill(main, element("div", { class: "work" }, wrong, panel.node));
  panel.hide();

  const watching = watch(
    async (signal) => {
      const asked = task;
      const changed = await asked.load(signal);
      fill(wrong);
      if (asked.value) panel.show(asked.value);
      return changed;
    },
    (problem) => fill(wrong, sentence(problem.message)),
  );
  const stopKeys = listenForKeys(panel.keys);
  outbox.addEventListener("sent", watching.now);
  return () => {
    watching.stop();
    stopKeys();
    panel.stop();
    outbox.removeEventListener("sent", watching.now);
  };
}
