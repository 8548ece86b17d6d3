// A task's details, beside its images.

import { home } from "./address.js";
import { copy } from "./clipboard.js";
import { button, element, facts } from "./element.js";
import { imageActions } from "./image_actions.js";
import { writeJson } from "./json.js";
import { publicLinks } from "./public_links.js";
import { markedImages, rejection, remarks } from "./rejection.js";
import { timeAgo } from "./time_ago.js";
import { approvalsOf, counted, deviceName, duration, labelOf, money, precisionName, statusName, titleOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").Attempt} Attempt */

/**
 * @param {Task} task
 * @param {() => number} chosen The index of the image in view.
 * @returns {Node[]}
 */
export function taskDetails(task, chosen) {
  const { attempt } = task;
  const { settings } = attempt;
  return [
    clamped("h1", titleOf(task)),
    element("p", { class: "state" }, element("span", { class: `status ${task.status}` }, statusName(task.status)), standing(task), approvals(task)),
    remarks(task.status === "rejected" ? attempt.rejection : task.approval),
    task.title ? clamped("p", settings.prompt) : "",
    facts([
      ["Negative prompt", settings.negative_prompt && element("span", { dir: "auto" }, settings.negative_prompt)],
      ...settingsFacts(attempt),
      ["Tags", task.tags.length > 0 && task.tags.map((tag) => element("span", { class: "tag", dir: "auto" }, tag))],
      ["Dropped file", task.source && element("span", { dir: "auto" }, task.source)],
      ["Public at", publicLinks(task).length > 0 && publicLinks(task).map((link, index) => [index > 0 && ", ",
        element("a", { href: link, target: "_blank", rel: "noreferrer" }, `image ${index + 1}`)]).flat()],
      ["Requested by", element("span", {}, element("bdi", {}, task.owner), " ", timeAgo(task.created_at))],
    ].map(([term, value]) => /** @type {[string, any]} */ ([term, value || null]))),
    element("div", { class: "row" },
      button("Copy settings", () => copy(writeJson(copied(attempt)), "Settings")),
      button("Copy link", () => copy(link(task), "Link")),
      element("a", { class: "button", href: `#/create/${task.id}/settings` }, "Reuse settings"),
      attempt.images.length > 0 && imageActions(task.id, chosen)),
    ...attempt.warnings.map((text) => element("p", { class: "warning", dir: "auto" }, text)),
    earlier(task),
  ].filter((node) => node instanceof Node);
}

/** As many characters as a few lines have. */
const LONG = 300;

/** A text of which the first lines are shown, until somebody wants all of it. @param {"h1" | "p"} name @param {string} text */
function clamped(name, text) {
  const made = element(name, { dir: "auto" }, text);
  if (text.length <= LONG) return made;
  made.classList.add("clamped");
  const all = button("Show all", () => {
    made.classList.remove("clamped");
    all.remove();
  }, { class: "quiet" });
  return element("div", {}, made, all);
}

/** @param {Attempt} attempt @returns {[string, any][]} */
function settingsFacts({ settings, used, generation, images, parent }) {
  const width = generation?.width ?? settings.width;
  const height = generation?.height ?? settings.height;
  const cost = generation?.dollars_per_image;
  return [
    ["Size", width && height && `${width} × ${height}`],
    ["Steps", generation?.steps ?? settings.steps],
    ["Guidance scale", generation?.guidance_scale ?? settings.guidance_scale],
    ["Scheduler", generation?.scheduler ?? settings.scheduler],
    ["Seed", settings.seed],
    ["Variation", settings.variation_strength && `${settings.variation_strength} of seed ${settings.variation_seed}`],
    ["Images", settings.count > 1 && settings.count],
    ["Refiner", generation && (generation.refined ? "used" : "not used")],
    ["Strength", settings.init_image && (settings.strength ?? "model default")],
    ...otherSettings(settings),
    ["Model", generation ? `${generation.model}, ${precisionName(generation.precision)}` : settings.model],
    ...filesOf("LoRAs", lorasOf(settings), filesUsed(used, "lora")),
    ...filesOf("Embeddings", settings.embeddings ?? [], filesUsed(used, "embedding")),
    ["Made from", parent && element("a", { href: `#/task/${parent.task}` }, `Image ${parent.index + 1} of another task`)],
    ["Mask", settings.mask && "a part of the image"],
    ...filesOf("Control images", controlsOf(settings), filesUsed(used, "control")),
    ...filesOf("Image prompts", promptsOf(settings), filesUsed(used, "image_adapter")),
    ...filesOf("Enlarged", enlargedBy(settings), filesUsed(used, "upscaler")),
    ["Device", generation && `${generation.device_name} (${deviceName(generation.device)})`],
    ["Took", generation && `${duration(generation.drawing_seconds)} (queued ${duration(generation.queue_seconds)})`],
    ["Cost", cost !== undefined && cost !== null && `${money(cost * Math.max(1, images.length))}`],
  ];
}

/** @param {Attempt["used"]} used @param {string} kind */
const filesUsed = (used, kind) => used.filter((file) => file.kind === kind);

/** LoRAs with their weights. @param {import("../types/desk").Settings} settings */
const lorasOf = ({ loras }) => (loras ?? []).map(({ name, weight }) => `${name} × ${weight ?? 1}`);

/** Control models with their scales. @param {import("../types/desk").Settings} settings */
const controlsOf = ({ controls }) => (controls ?? []).map(({ model, scale, type, preprocess }) =>
  `${model}${type ? ` (${type})` : ""} × ${scale ?? 1}${preprocess ? `, ${preprocess} of an image` : ""}`);

/** The adapter with how many images it reads. @param {import("../types/desk").Settings} settings */
const promptsOf = ({ image_adapter, image_prompts, image_prompt_scale }) =>
  (image_adapter ? [`${image_adapter} × ${image_prompt_scale ?? 1} (${counted(image_prompts?.length ?? 0, "image")})`] : []);

/** What enlarges the images, with its factor. @param {import("../types/desk").Settings} settings */
const enlargedBy = ({ upscaler, upscale }) => (upscaler ? [upscale ? `${upscaler} × ${upscale}` : upscaler] : []);

/**
 * What an attempt names, then the files that it is drawn with, by what tells them from others.
 * @param {string} term
 * @param {string[]} named
 * @param {Attempt["used"]} used
 * @returns {[string, any][]}
 */
function filesOf(term, named, used) {
  if (used.length === 0) return [[term, named.length > 0 && named.join(", ")]];
  const weighted = (/** @type {string} */ name) => named.find((text) => text === name || text.startsWith(`${name} × `)) ?? name;
  return [[term, used.map(({ name, digest }) => element("span", { class: "file" }, element("bdi", {}, weighted(name)), " ",
    element("code", { title: `SHA-256 ${digest}` }, digest.slice(0, 12))))]];
}

/** Those that have a line of their own, or none. */
const SHOWN = new Set([
  "prompt", "negative_prompt", "width", "height", "steps", "guidance_scale", "scheduler", "seed", "count", "use_refiner", "init_image", "strength",
  "model", "loras", "embeddings", "variation_strength", "variation_seed",
  "model", "loras", "embeddings", "mask", "controls", "image_adapter", "image_prompts", "image_prompt_scale", "upscaler", "upscale",
]);

/** The settings that only some requests have. @param {import("../types/desk").Settings} settings @returns {[string, string][]} */
const otherSettings = (settings) =>
  Object.entries(settings).filter(([name, value]) => !SHOWN.has(name) && value !== null).map(([name, value]) => [labelOf(name), textOf(value)]);

/** @param {unknown} value */
function textOf(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Who has approved a task that takes several approvals. @param {Task} task */
function approvals(task) {
  const words = approvalsOf(task);
  if (!words) return "";
  const by = task.attempt.approvals.map((approval, index) => [index > 0 && ", ", element("bdi", {}, approval.by), approval.note && [" ", element("q", { dir: "auto" }, approval.note)]]);
  return element("span", {}, ` ${words}`, by.length > 0 && ": ", by.flat(2));
}

/** What was decided, and why. @param {Task} task */
function standing(task) {
  const { attempt } = task;
  /** @type {Record<string, import("../types/desk").Note | undefined | null>} */
  const decisions = {
    approved: task.approval, rejected: attempt.rejection, cancelled: task.cancellation, deleted: task.deletion, published: task.publication,
  };
  const decided = decisions[task.status];
  if (task.status === "failed" && attempt.failure) return element("span", {}, " ", timeAgo(attempt.failure.at), `: ${attempt.failure.reason}`);
  if (!decided) return "";
  const some = task.status === "approved" && task.approval?.images;
  const which = some && ` (${some.length === 1 ? "image" : "images"} ${some.map((index) => index + 1).join(", ")} of ${attempt.images.length})`;
  const note = decided.note ? [": ", element("q", { dir: "auto" }, decided.note)] : [];
  return element("span", {}, " by ", element("bdi", {}, decided.by), " ", timeAgo(decided.at), which || null, ...note);
}

/** @param {Task} task */
function earlier(task) {
  if (task.earlier_attempts.length === 0) return "";
  return element("details", { class: "earlier" },
    element("summary", {}, counted(task.earlier_attempts.length, "earlier attempt")),
    [...task.earlier_attempts].reverse().map((attempt) => element("section", { "aria-label": `Attempt ${attempt.number}` },
      element("h3", {}, `Attempt ${attempt.number}`),
      rejection(attempt.rejection),
      markedImages(attempt),
      attempt.failure && element("p", {}, `Failed: ${attempt.failure.reason}`),
      element("p", { dir: "auto" }, attempt.settings.prompt),
      element("div", { class: "strip" }, attempt.images.map((image) =>
        element("a", { href: image.url, target: "_blank", rel: "noreferrer" },
          element("img", {
            src: image.thumbnail_url, width: 72, height: 72, loading: "lazy", alt: `Image ${image.index + 1} of attempt ${attempt.number}`,
          })))))));
}

/** Settings for a form or another tool. @param {Attempt} attempt */
function copied({ settings, generation }) {
  const { init_image, mask, controls, image_adapter, image_prompts, image_prompt_scale, ...kept } = settings;
  if (!generation) return kept;
  const { width, height, steps, guidance_scale, scheduler } = generation;
  return { ...kept, width, height, steps, guidance_scale, scheduler };
}

/** Where others see it: the public image, or this page. @param {Task} task */
const link = (task) => publicLinks(task)[0] ?? `${home()}#/task/${task.id}`;
