// One task whole: its pictures, what there is to know about it, its history, and what can be done with it.

import { approve, reject, undoLatest } from "./decisions.js";
import { button, element, fill } from "./element.js";
import { holds, outbox, sendNow } from "./outbox.js";
import { pictureViewer, shownOf } from "./picture_viewer.js";
import { progressOf } from "./progress.js";
import { taskDetails } from "./task_details.js";
import { taskHistory } from "./task_history.js";
import { moveButtons } from "./task_moves.js";
import { statusName } from "./words.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").Configuration} Configuration */

/**
 * @param {Configuration} configuration
 * @param {{decided?: (task: Task) => void, moved: (task: Task) => void, stale: () => void}} events
 */
export function taskPanel(configuration, { decided = () => {}, moved, stale }) {
  /** @type {Task | null} */
  let task = null;
  let drawn = "";
  /** Other tasks' pictures to compare with. @type {import("./picture_viewer.js").Shown[]} */
  let beside = [];
  const viewer = pictureViewer(() => {
    viewer.forget();
    stale();
  });
  const history = taskHistory();
  const about = element("div", { class: "about" });
  const note = element("input", { id: "note", maxlength: 2000, autocomplete: "off", placeholder: "Note (optional)", "aria-label": "Note" });
  const yes = button("Approve", () => panel.approve(), { class: "approve" });
  const no = button("Reject", () => panel.reject(), { class: "reject" });
  const deciding = element("div", { class: "deciding", role: "group", "aria-label": "Decision" }, yes, no, note);
  const moves = element("div", { class: "row moves", role: "group", "aria-label": "More" });
  const side = element("aside", { class: "side", "aria-label": "About the task" }, about, history.node);
  const node = element("div", { class: "panel" }, viewer.node, element("div", { class: "actions" }, deciding, moves), side);

  function draw() {
    if (!task) return;
    const now = task;
    const waits = now.status === "awaiting_approval" && now.next_moves.includes("approve") && !holds(now.id);
    const state = `${now.id} ${now.version} ${waits} ${holds(now.id)}`;
    const { attempt } = now;
    if (attempt.pictures.length > 0) {
      const before = now.earlier_attempts.flatMap((earlier) => shownOf(now, earlier));
      const key = [now.id, ...attempt.pictures.map((picture) => picture.sha256), ...beside.map((shown) => shown.name)].join(" ");
      viewer.show(key, shownOf(now, attempt), [...before, ...beside]);
    } else {
      const { step, stage } = now.progress ?? { step: 0, stage: "" };
      const words = now.progress ? "" : `${statusName(now.status)}: no picture yet`;
      viewer.showOther(`${state} ${step} ${stage}`, now.progress ? progressOf(now.progress) : element("p", { class: "empty" }, words));
    }
    if (state === drawn) return;
    drawn = state;
    deciding.hidden = !waits;
    fill(about, taskDetails(now, configuration));
    fill(moves, holds(now.id) ? button("Decide now", () => sendNow(now.id)) : moveButtons(now, moved));
    history.show(now.id, now.version);
  }

  /** What single keys do with the task, on every page that shows one. @type {import("./keys.js").Key[]} */
  const keys = [
    { keys: ["a"], does: "Approve", action: () => panel.approve() },
    { keys: ["r"], does: "Reject", action: () => panel.reject() },
    { keys: ["u"], does: "Undo", action: undoLatest },
    { keys: ["c"], does: "Compare", action: () => viewer.compare() },
    { keys: ["z"], does: "Actual size", action: () => viewer.zoom() },
    { keys: ["f"], does: "Full screen", action: () => viewer.fullScreen() },
  ];

  const panel = {
    node,
    keys,
    viewer,

    /** @param {Task} shown */
    show(shown) {
      if (shown.id !== task?.id) [note.value, beside] = ["", []];
      task = shown;
      node.hidden = false;
      draw();
    },

    /** Puts other tasks' pictures beside this one's. @param {import("./picture_viewer.js").Shown[]} others */
    compareWith(others) {
      beside = others;
      viewer.forget();
      draw();
      viewer.compare();
    },

    hide() {
      task = null;
      drawn = "";
      node.hidden = true;
    },

    approve() {
      if (!task || deciding.hidden) return;
      const now = task;
      approve([now], note.value.trim());
      decided(now);
    },

    async reject() {
      if (!task || deciding.hidden) return;
      const now = task;
      if (await reject([now])) decided(now);
    },

    stop() {
      outbox.removeEventListener("changed", draw);
    },
  };
  outbox.addEventListener("changed", draw);
  return panel;
}
