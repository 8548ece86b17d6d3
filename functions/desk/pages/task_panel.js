// A whole task: its images, its details, its history, and what can be done with it.

import { childMoves } from "./child_tasks.js";
import { approve, reject, undoLatest } from "./decisions.js";
import { button, element, fill } from "./element.js";
import { imagesOf, imageViewer } from "./image_viewer.js";
import { holds, outbox, sendNow } from "./outbox.js";
import { progressOf } from "./progress.js";
import { taskDetails } from "./task_details.js";
import { taskHistory } from "./task_history.js";
import { moveButtons } from "./task_moves.js";
import { statusName } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */
/** @typedef {import("../types/desk").Configuration} Configuration */

/**
 * @param {Configuration} configuration
 * @param {{decided?: (task: Task) => void, moved: (task: ListedTask) => void, stale: () => void}} events
 */
export function taskPanel(configuration, { decided = () => {}, moved, stale }) {
  /** @type {Task | null} */
  let task = null;
  let drawn = "";
  /** Other tasks' images to compare with. @type {import("./image_viewer.js").ShownImage[]} */
  let beside = [];
  const viewer = imageViewer(() => {
    viewer.forget();
    stale();
  }, () => allow());
  const history = taskHistory();
  const about = element("div", { class: "about" });
  const note = element("input", { id: "note", maxlength: 2000, autocomplete: "off", placeholder: "Note (optional)", "aria-label": "Note" });
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) panel.approve();
    else if (event.key === "Escape") note.blur();
  });
  const yes = button("Approve", () => panel.approve(), { class: "approve" });
  const no = button("Reject", () => panel.reject(), { class: "reject" });
  const deciding = element("div", { class: "deciding", role: "group", "aria-label": "Decision" }, yes, no, note);
  const moves = element("div", { class: "row moves", role: "group", "aria-label": "More" });
  const side = element("aside", { class: "side", "aria-label": "About the task" }, about, history.node);
  // Where there is no room for the details beside the images.
  const asked = element("p", { class: "asked", dir: "auto" });
  const node = element("div", { class: "panel" },
    element("div", { class: "judged" }, asked, viewer.node, deciding, moves), side);

  /** Nobody decides on what has not been seen. */
  function allow() {
    yes.disabled = no.disabled = !viewer.isSeen;
    deciding.title = viewer.isSeen ? "" : "Wait until the image is there";
    const { count, picked } = viewer;
    yes.textContent = count < 2 ? "Approve" : picked.length > 0 ? `Approve ${picked.length} of ${count}` : `Approve all ${count}`;
  }

  function draw() {
    if (!task) return;
    const now = task;
    const waits = now.status === "awaiting_approval" && now.next_moves.includes("approve") && !holds(now.id);
    const state = `${now.id} ${now.version} ${waits} ${holds(now.id)}`;
    const { attempt } = now;
    if (attempt.images.length > 0) {
      const before = now.earlier_attempts.flatMap((earlier) => imagesOf(now, earlier));
      const key = [now.id, waits, ...attempt.images.map((image) => image.sha256), ...beside.map((shown) => shown.name)].join(" ");
      viewer.show(key, imagesOf(now, attempt), [...before, ...beside], waits);
    } else {
      const { step, stage } = now.progress ?? { step: 0, stage: "" };
      const words = now.progress ? "" : nothing(now);
      viewer.showOther(`${state} ${step} ${stage}`, now.progress ? progressOf(now.progress) : element("p", { class: "empty" }, words));
    }
    if (state === drawn) return;
    drawn = state;
    deciding.hidden = !waits;
    allow();
    asked.textContent = [now.title, attempt.settings.prompt].filter(Boolean).join(" – ");
    fill(about, taskDetails(now, configuration));
    fill(moves, holds(now.id) ? button("Send now", () => sendNow(now.id)) : [...moveButtons(now, moved), ...childMoves(now, () => viewer.index)]);
    history.show(now.id, now.version);
  }

  /** The shortcuts on every page that shows a task. @type {import("./keys.js").Key[]} */
  const keys = [
    { keys: ["a"], does: "Approve", action: () => panel.approve() },
    { keys: ["p"], does: "Pick this image for approval", action: () => viewer.pick() },
    { keys: ["r"], does: "Reject", action: () => panel.reject() },
    { keys: ["n"], does: "Write a note (Ctrl+Enter approves, Esc leaves)", action: () => note.focus() },
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

    /** Shows other tasks' images beside this one's. @param {import("./image_viewer.js").ShownImage[]} others */
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
      if (!task || deciding.hidden || !viewer.isSeen) return;
      const now = task;
      approve([now], note.value.trim(), viewer.picked);
      decided(now);
    },

    async reject() {
      if (!task || deciding.hidden || !viewer.isSeen) return;
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

/** What is shown in the place of images. @param {Task} task */
const nothing = ({ status }) =>
  statusName(status) + (["cancelled", "deleted", "failed"].includes(status) ? " before an image was made" : ": no image yet");
