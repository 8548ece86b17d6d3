// Comments that mention the person who is signed in: a number beside the page's name, and the page.

import { Resource, call, query } from "./api.js";
import { commentText } from "./comments.js";
import { button, element, fill } from "./element.js";
import { failed } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { watch } from "./watch.js";

/** @typedef {import("../types/desk").Comment} Comment */
/** @typedef {import("../types/desk").CommentList} CommentList */

const PATH = "/v1/mentions";
const LIMIT = 50;

/** A link to the page, with the number of open ones among the newest. @returns {import("./desk.js").Badge} */
export function mentionsBadge() {
  const count = element("span", { class: "badge", hidden: true });
  const node = element("a", { href: "#/mentions", "aria-label": "Mentions", title: "Mentions" }, "@", count);
  /** @type {Resource<CommentList>} */
  const newest = new Resource(`${PATH}?${query({ limit: LIMIT })}`);
  const watching = watch(async (signal) => {
    if (!session.identity) return false;
    const changed = await newest.load(signal);
    const open = newest.value?.comments.filter(({ resolution }) => !resolution).length ?? 0;
    count.hidden = open === 0;
    count.textContent = `${open}`;
    node.setAttribute("aria-label", open > 0 ? `Mentions, ${open} open` : "Mentions");
    return changed;
  });
  return { node, stop: watching.stop };
}

/** @type {import("./desk.js").Page} */
export function mentions(main) {
  const list = element("ol", { class: "comments" });
  const more = element("div", { class: "row" });
  fill(main, element("h1", {}, "Mentions"), list, more);
  let isOver = false;

  /** @param {Comment} comment */
  const item = (comment) => element("li", { class: comment.resolution ? "settled" : "" },
    element("p", { class: "state" }, element("bdi", {}, comment.by), " ", timeAgo(comment.at), comment.resolution ? ", resolved" : ""),
    commentText(comment),
    element("a", { href: `#/task/${comment.task}` }, "Show the task"));

  /** @param {string | null | undefined} cursor */
  async function load(cursor) {
    /** @type {CommentList} */
    const page = (await call("GET", `${PATH}?${query({ limit: LIMIT, cursor })}`)).body;
    if (isOver) return;
    if (!cursor) list.replaceChildren();
    list.append(...page.comments.map(item));
    const next = page.next_cursor;
    fill(more, next ? button("Show more", () => load(next).catch(failed)) : !list.hasChildNodes() && element("p", { class: "empty" }, "Nobody has mentioned you yet."));
  }
  load(null).catch(failed);
  return () => {
    isOver = true;
  };
}
