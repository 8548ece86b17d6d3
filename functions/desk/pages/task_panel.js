// A whole task: its images, its details, its history, and what can be done with it.

import { childMoves } from "./child_tasks.js";
import { collectImages } from "./collect.js";
import { commentsPanel } from "./comments.js";
import { approve, publish, reject, undoLatest } from "./decisions.js";
import { button, element, fill } from "./element.js";
import { isFavourite, toggleFavourite } from "./favourites.js";
import { imagesOf, imageViewer } from "./image_viewer.js";
import { labelTask, mayLabel } from "./label_dialog.js";
import { failed } from "./notices.js";
import { holds, outbox, sendNow } from "./outbox.js";
import { progressOf } from "./progress.js";
import { placesOf } from "./rejection.js";
import { remarkBar } from "./remark_bar.js";
import { session } from "./session.js";
import { taskDetails } from "./task_details.js";
import { taskHistory } from "./task_history.js";
import { moveButtons } from "./task_moves.js";
import { approvalsOf, statusName } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").ListedTask} ListedTask */

/**
 * @param {{decided?: (task: Task) => void, moved: (task: ListedTask) => void, stale: () => void}} events
 */
export function taskPanel({ decided = () => {}, moved, stale }) {
  /** @type {Task | null} */
  let task = null;
  let drawn = "";
  /** Who else looks at the task, as far as is known. @type {Task["reviewer"]} */
  let reviewer = null;
  /** Other tasks' images to compare with. @type {import("./image_viewer.js").ShownImage[]} */
  let beside = [];
  const viewer = imageViewer(() => {
    viewer.forget();
    stale();
  }, () => allow());
  const history = taskHistory();
  const comments = commentsPanel(viewer);
  const remarks = remarkBar(viewer);
  const about = element("div", { class: "about" });
  const note = element("input", { id: "note", maxlength: 2000, autocomplete: "off", placeholder: "Note (optional)", "aria-label": "Note" });
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) panel.approve();
    else if (event.key === "Escape") note.blur();
  });
  const yes = button("Approve", () => panel.approve(), { class: "approve" });
  const no = button("Reject", () => panel.reject(), { class: "reject" });
  const deciding = element("div", { class: "deciding", role: "group", "aria-label": "Decision" }, yes, no, note);
  const reviewing = element("p", { class: "warning", role: "status" });
  const moves = element("div", { class: "row moves", role: "group", "aria-label": "More" });
  const side = element("aside", { class: "side", "aria-label": "About the task" }, about, comments.node, history.node);
  // Where there is no room for the details beside the images.
  const asked = element("p", { class: "asked", dir: "auto" });
  const node = element("div", { class: "panel" },
    element("div", { class: "judged" }, asked, viewer.node, reviewing, deciding, remarks.node, moves), side);

  /** Nobody decides on what has not been seen. */
  function allow() {
    updateStar();
    yes.disabled = no.disabled = !viewer.isSeen;
    deciding.title = viewer.isSeen ? "" : "Wait until the image is there";
    const { count, picked } = viewer;
    const words = count < 2 ? "Approve" : picked.length > 0 ? `Approve ${picked.length} of ${count}` : `Approve all ${count}`;
    const soFar = task ? approvalsOf(task) : "";
    yes.textContent = soFar ? `${words} (${soFar})` : words;
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
    deciding.hidden = remarks.node.hidden = !waits;
    viewer.setMarks("rejection", placesOf(attempt.rejection));
    showReviewer(reviewer);
    allow();
    asked.textContent = [now.title, attempt.settings.prompt].filter(Boolean).join(" – ");
    fill(about, taskDetails(now, () => viewer.chosen));
    fill(moves, holds(now.id) ? button("Send now", () => sendNow(now.id)) : [...moveButtons(now, moved, () => decided(now)), ...childMoves(now, () => viewer.chosen), ...labelButtons(now)]);
    updateStar();
    history.show(now.id, now.version);
  }

  /** Says who else looks at the task. @param {Task["reviewer"]} now */
  function showReviewer(now) {
    reviewer = now;
    const others = reviewer && reviewer.name !== session.identity?.name && !deciding.hidden;
    fill(reviewing, others && [element("bdi", {}, reviewer?.name), " is reviewing this: your decision would come first."]);
  }

  /** Marks the image in view as a favourite, and says whether it is one. */
  const star = button("☆ Favourite", () => void toggle().catch(failed), { "aria-pressed": "false", class: "star" });
  /** Which image the star is about. */
  let starred = "";

  const inView = () => task && task.attempt.images[viewer.chosen]
    && { task: task.id, attempt: task.attempt.number, image: task.attempt.images[viewer.chosen].index };

  /** @param {boolean} is */
  function showStar(is) {
    star.textContent = is ? "★ Favourite" : "☆ Favourite";
    star.setAttribute("aria-pressed", String(is));
  }

  async function toggle() {
    const image = inView();
    if (image) showStar(await toggleFavourite(image));
  }

  function updateStar() {
    const image = inView();
    star.hidden = !image;
    const key = JSON.stringify(image);
    if (!image || key === starred) return;
    starred = key;
    isFavourite(image).then((is) => key === starred && showStar(is), () => (starred = ""));
  }

  /** Changes to the labels of the task, and the collections of its images. @param {Task} now @returns {HTMLElement[]} */
  function labelButtons(now) {
    const images = now.attempt.images.map(({ index }) => ({ task: now.id, attempt: now.attempt.number, image: index }));
    return [
      star,
      images.length > 0 ? button("Add to a collection…", () => void collectImages(images).catch(failed)) : null,
      mayLabel(now) ? button("Title and tags…", () => void labelTask(now).then((after) => after && moved(after)).catch(failed)) : null,
    ].filter((made) => made !== null);
  }

  /** The shortcuts on every page that shows a task. @type {import("./keys.js").Key[]} */
  const keys = [
    { keys: ["a"], does: "Approve", action: () => panel.approve() },
    { keys: ["p"], does: "Pick this image for approval", action: () => viewer.pick() },
    { keys: ["r"], does: "Reject", action: () => panel.reject() },
    { keys: ["b"], does: "Publish", action: () => panel.publish() },
    { keys: ["m"], does: "Mark a flaw in the image", action: () => !deciding.hidden && void remarks.mark() },
    { keys: ["n"], does: "Write a note (Ctrl+Enter approves, Esc leaves)", action: () => note.focus() },
    { keys: ["u"], does: "Undo", action: undoLatest },
    { keys: ["s"], does: "Favourite", action: () => void toggle().catch(failed) },
    { keys: ["c"], does: "Compare", action: () => viewer.compare() },
    { keys: ["z"], does: "Actual size", action: () => viewer.zoom() },
    { keys: ["f"], does: "Full screen", action: () => viewer.fullScreen() },
    { keys: [..."12345678"], shown: "1–8", does: "Show image 1–8", action: (/** @type {string} */ key) => viewer.choose(Number(key) - 1) },
  ];

  const panel = {
    node,
    keys,
    viewer,

    showReviewer,

    /** @param {Task} shown */
    show(shown) {
      const isOther = shown.id !== task?.id;
      task = shown;
      node.hidden = false;
      if (isOther) [note.value, beside, reviewer] = ["", [], shown.reviewer];
      draw();
      if (isOther) remarks.clear();
      comments.show(shown);
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
      comments.hide();
    },

    approve() {
      if (!task || deciding.hidden || !viewer.isSeen) return;
      const now = task;
      approve([now], note.value.trim(), viewer.picked, { notes: remarks.value.notes });
      remarks.clear();
      decided(now);
    },

    async reject() {
      if (!task || deciding.hidden || !viewer.isSeen) return;
      const now = task;
      const said = remarks.value;
      if (!(await reject([now], said))) return;
      if (task?.id === now.id) remarks.clear();
      decided(now);
    },

    publish() {
      if (!task || !viewer.isSeen || holds(task.id) || !task.next_moves.includes("publish")) return;
      const now = task;
      publish([now]);
      decided(now);
    },

    stop() {
      comments.hide();
      outbox.removeEventListener("changed", draw);
    },
  };
  outbox.addEventListener("changed", draw);
  return panel;
}

/** What is shown in the place of images. @param {Task} task */
const nothing = ({ status }) =>
  statusName(status) + (["cancelled", "deleted", "failed"].includes(status) ? " before an image was made" : ": no image yet");
