// What there is to know about a task, beside its pictures.

import { button, element, facts } from "./element.js";
import { notice } from "./notices.js";
import { writeJson } from "./json.js";
import { rejection } from "./rejection.js";
import { timeAgo } from "./time_ago.js";
import { counted, duration, money, statusName, titleOf } from "./words.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").Attempt} Attempt */
/** @typedef {import("../types/api").Configuration} Configuration */

/**
 * @param {Task} task
 * @param {Configuration} configuration
 * @returns {Node[]}
 */
export function taskDetails(task, configuration) {
  const { attempt } = task;
  const { settings } = attempt;
  return [
    element("h1", { dir: "auto" }, titleOf(task)),
    element("p", { class: "state" }, element("span", { class: `status ${task.status}` }, statusName(task.status)), standing(task)),
    task.title ? element("p", { dir: "auto", class: "prompt" }, settings.prompt) : "",
    facts([
      ["Avoid", settings.negative_prompt && element("span", { dir: "auto" }, settings.negative_prompt)],
      ...settingsFacts(attempt),
      ["Tags", task.tags.length > 0 && task.tags.map((tag) => element("span", { class: "tag", dir: "auto" }, tag))],
      ["Dropped file", task.source && element("span", { dir: "auto" }, task.source)],
      ["Asked for by", element("span", {}, element("bdi", {}, task.owner), " ", timeAgo(task.created_at))],
    ].map(([term, value]) => /** @type {[string, any]} */ ([term, value || null]))),
    element("div", { class: "row" },
      button("Copy settings", () => copy(writeJson(copied(attempt)), "Settings")),
      button("Copy link", () => copy(link(task, configuration), "Link")),
      element("a", { class: "button", href: `#/make/${task.id}/settings` }, "Make more like this")),
    ...(attempt.generation?.warnings ?? []).map((text) => element("p", { class: "warning" }, text)),
    earlier(task),
  ].filter((node) => node instanceof Node);
}

/** @param {Attempt} attempt @returns {[string, any][]} */
function settingsFacts({ settings, generation, pictures }) {
  const width = generation?.width ?? settings.width;
  const height = generation?.height ?? settings.height;
  const cost = generation?.dollars_per_picture;
  return [
    ["Size", width && height && `${width} × ${height}`],
    ["Steps", generation?.steps ?? settings.steps],
    ["Guidance scale", generation?.guidance_scale ?? settings.guidance_scale],
    ["Scheduler", generation?.scheduler ?? settings.scheduler],
    ["Seed", settings.seed],
    ["Pictures", settings.count > 1 && settings.count],
    ["Refiner", generation && (generation.refined ? "took part" : "took no part")],
    ["Strength", settings.init_image && (settings.strength ?? "the model's own")],
    ["Model", generation && `${generation.model}, ${generation.precision}`],
    ["Device", generation && `${generation.device_name} (${generation.device})`],
    ["Time", generation && `${duration(generation.drawing_seconds)}, after ${duration(generation.queue_seconds)} in the queue`],
    ["Cost", cost !== undefined && cost !== null && `${money(cost * Math.max(1, pictures.length))}`],
  ];
}

/** What somebody decided, and why. @param {Task} task */
function standing(task) {
  const { attempt } = task;
  const decided = {
    approved: task.approval, rejected: attempt.rejection, cancelled: task.cancellation, deleted: task.deletion, published: task.publication,
  }[task.status];
  if (task.status === "failed" && attempt.failure) return element("span", {}, " ", timeAgo(attempt.failure.at), `: ${attempt.failure.reason}`);
  if (!decided) return "";
  const note = "note" in decided && decided.note ? [": ", element("q", { dir: "auto" }, decided.note)] : [];
  return element("span", {}, " by ", element("bdi", {}, decided.by), " ", timeAgo(decided.at), ...note);
}

/** @param {Task} task */
function earlier(task) {
  if (task.earlier_attempts.length === 0) return "";
  return element("details", { class: "earlier" },
    element("summary", {}, counted(task.earlier_attempts.length, "earlier attempt")),
    [...task.earlier_attempts].reverse().map((attempt) => element("section", { "aria-label": `Attempt ${attempt.number}` },
      element("h3", {}, `Attempt ${attempt.number}`),
      rejection(attempt.rejection),
      attempt.failure && element("p", {}, `Failed: ${attempt.failure.reason}`),
      element("p", { dir: "auto" }, attempt.settings.prompt),
      element("div", { class: "strip" }, attempt.pictures.map((picture) =>
        element("a", { href: picture.url, target: "_blank", rel: "noreferrer" },
          element("img", {
            src: picture.thumbnail_url, width: 72, height: 72, loading: "lazy", alt: `Picture ${picture.index + 1} of attempt ${attempt.number}`,
          })))))));
}

/** What a form or another tool can be filled with. @param {Attempt} attempt */
function copied({ settings, generation }) {
  const { init_image, ...kept } = settings;
  if (!generation) return kept;
  const { width, height, steps, guidance_scale, scheduler } = generation;
  return { ...kept, width, height, steps, guidance_scale, scheduler };
}

/** Where others see it: the public picture, or this page. @param {Task} task @param {Configuration} configuration */
function link(task, { published_url }) {
  const key = task.publication?.keys[0];
  if (published_url && key) return published_url + key.replace(/^published\//, "");
  return `${location.origin}/#/task/${task.id}`;
}

/** @param {string} text @param {string} what */
function copy(text, what) {
  navigator.clipboard.writeText(text).then(
    () => notice(`${what} copied.`),
    () => notice(`${what}: ${text}`, { lasts: true }),
  );
}
