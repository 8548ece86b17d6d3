// What people say about a task and its images.

import { Resource, call } from "./api.js";
import { button, element, fill } from "./element.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { counted } from "./words.js";
import { watch } from "./watch.js";

/** @typedef {import("../types/desk").Comment} Comment */
/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").Area} Area */

/**
 * A comment's text, with the people that it mentions.
 * @param {Comment} comment
 */
export function commentText({ text, mentions }) {
  const parts = text.split(/(@[\p{L}\p{N}._+@-]+)/u);
  const isMention = (/** @type {string} */ part) => mentions.some((name) => part === `@${name}` || part.startsWith(`@${name}`));
  return element("p", { dir: "auto", class: "said" },
    parts.map((part) => (part.startsWith("@") && isMention(part) ? element("b", {}, part) : part)));
}

/**
 * @param {import("./image_viewer.js").Viewer} viewer The images that comments are about.
 */
export function commentsPanel(viewer) {
  /** @type {Task | null} */
  let task = null;
  /** @type {Resource<import("../types/desk").CommentList> | null} */
  let resource = null;
  /** @type {ReturnType<typeof watch> | null} */
  let watching = null;
  /** @type {Comment[]} */
  let comments = [];
  /** @type {{image: number, region: Area} | null} */
  let place = null;
  /** @type {Comment | null} */
  let answered = null;

  const heading = element("summary", {}, "Comments");
  const list = element("ol", { class: "comments", "aria-label": "Comments" });
  const text = element("textarea", { id: "comment", rows: 2, maxlength: 2000, "aria-label": "Comment", placeholder: "Comment; @name mentions somebody" });
  const about = element("div", { class: "row", role: "status" });
  const mark = button("Mark a place", () => markPlace().catch(failed));
  const send = element("button", { class: "primary" }, "Comment");
  const form = element("form", {}, text, about, element("div", { class: "row" }, send, mark));
  const node = element("details", { open: true, class: "discussion" }, heading, list, form);

  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else if (event.key === "Escape") text.blur();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add().catch(failed);
  });

  async function add() {
    const said = text.value.trim();
    if (!task || !said) return text.focus();
    send.disabled = true;
    try {
      await call("POST", `/v1/tasks/${task.id}/comments`, { body: { text: said, answers: answered?.id ?? null, ...(place ?? {}) } });
      text.value = "";
      [place, answered] = [null, null];
      showAbout();
      watching?.now();
    } finally {
      send.disabled = false;
    }
  }

  async function markPlace() {
    const marked = await viewer.mark();
    if (marked) place = marked;
    showAbout();
    text.focus();
  }

  function showAbout() {
    const clear = () => {
      [place, answered] = [null, null];
      showAbout();
    };
    const words = [place && `On a place in image ${place.image + 1}.`, answered && `Answers ${answered.by}.`].filter(Boolean).join(" ");
    fill(about, words && [element("span", {}, words), button("Remove", clear, { class: "quiet" })]);
    showMarks();
  }

  function showMarks() {
    const marked = comments.filter(({ region, image, attempt }) => region && typeof image === "number" && attempt === task?.attempt.number);
    const marks = marked.map((comment) => ({
      image: Number(comment.image), region: /** @type {Area} */ (comment.region), label: String(comments.indexOf(comment) + 1), settled: Boolean(comment.resolution),
    }));
    viewer.setMarks("comments", [...marks, ...(place ? [{ ...place, label: "•" }] : [])]);
  }

  /** @param {Comment} comment @param {number} index */
  function item(comment, index) {
    const path = `/v1/tasks/${comment.task}/comments/${comment.id}`;
    /** @param {string} label @param {string} method @param {string} action */
    const act = (label, method, action) => button(label, () => {
      call(method, `${path}${action}`, method === "POST" ? { body: {} } : {}).then(() => watching?.now(), failed);
    }, { class: "quiet" });
    const { image, resolution, attempt } = comment;
    const before = comments.find(({ id }) => id === comment.answers);
    const isCurrent = attempt === task?.attempt.number;
    const where = typeof image === "number" && `image ${image + 1}${isCurrent ? "" : ` of attempt ${attempt}`}`;
    return element("li", { class: resolution ? "settled" : "", "data-id": comment.id },
      element("p", { class: "state" }, `${index + 1}. `, element("bdi", {}, comment.by), " ", timeAgo(comment.at),
        where && [" on ", isCurrent ? button(where, () => viewer.choose(Number(image)), { class: "link" }) : where],
        before && [" to ", element("bdi", {}, before.by)]),
      commentText(comment),
      resolution && element("p", { class: "state" }, "Resolved by ", element("bdi", {}, resolution.by), " ", timeAgo(resolution.at)),
      element("div", { class: "row" },
        resolution ? act("Open again", "POST", "/reopen") : act("Resolve", "POST", "/resolve"),
        button("Answer", () => {
          answered = comment;
          showAbout();
          text.focus();
        }, { class: "quiet" }),
        comment.is_removable && act(comment.by === session.identity?.name ? "Delete" : "Remove", "DELETE", "")));
  }

  function draw() {
    const open = comments.filter(({ resolution }) => !resolution).length;
    heading.textContent = comments.length === 0 ? "Comments" : `${counted(comments.length, "comment")}, ${open} open`;
    const focused = document.activeElement?.closest(".comments li")?.getAttribute("data-id");
    fill(list, comments.map(item));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${focused}"] button`))?.focus();
    showMarks();
  }

  /** @param {AbortSignal} signal */
  async function load(signal) {
    const asked = resource;
    if (!asked || !(await asked.load(signal)) || asked !== resource || !asked.value) return false;
    let page = asked.value;
    const all = [...page.comments];
    while (page.next_cursor) {
      page = (await call("GET", `${asked.path}&cursor=${page.next_cursor}`, { signal })).body;
      all.push(...page.comments);
    }
    if (asked !== resource) return false;
    comments = all;
    draw();
    return true;
  }

  return {
    node,

    /** @param {Task} shown */
    show(shown) {
      const isOther = shown.id !== task?.id;
      const isNew = isOther || shown.attempt.number !== task?.attempt.number;
      task = shown;
      mark.hidden = shown.attempt.images.length === 0;
      form.hidden = shown.status === "deleted";
      if (isOther) {
        [comments, place, answered, text.value] = [[], null, null, ""];
        resource = new Resource(`/v1/tasks/${shown.id}/comments?limit=100`);
        draw();
        watching?.stop();
        watching = watch(load, failed);
      }
      if (isNew) showAbout();
    },

    hide() {
      task = resource = null;
      watching?.stop();
      watching = null;
    },
  };
}
