// Create: a form to request images, and what one has requested lately.

import { Problem, Unreachable, call } from "./api.js";
import { button, element, fill } from "./element.js";
import { readJson, writeJson } from "./json.js";
import { notice, sentence } from "./notices.js";
import { loadOffers, onlyOffered } from "./offers.js";
import { randomText } from "./random.js";
import { recentImages } from "./recent_images.js";
import { loadDescription, settingsOf } from "./request_schema.js";
import { settingsForm } from "./settings_form.js";
import { guideImages } from "./guide_images.js";
import { startingImage } from "./starting_image.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("./request_schema.js").Setting} Setting */

/** What is in the form, should one have to sign in again. */
const DRAFT = "easel.draft";

/** `rest` is a task to retry, `ID/settings` to reuse all its settings, `ID/more` all but the seed, `ID/paint-0` to paint over an image. @type {import("./desk.js").Page} */
export function create(main, rest) {
  const [id, reuse] = rest.split("/");
  const over = new AbortController();
  const recent = recentImages();

  async function begin() {
    const [description, offers, task] = await Promise.all([
      loadDescription(over.signal), loadOffers(over.signal), id ? loadTask(id, over.signal) : null,
    ]);
    const retries = task !== null && !reuse;
    const settings = settingsOf(description, retries ? "/v1/tasks/{id}/retry" : "/v1/tasks");
    const form = requestForm({ settings, offers }, retries ? task : null, recent.now, over.signal);
    const painted = reuse?.startsWith("paint-") ? task?.attempt.images[Number(reuse.slice("paint-".length))] : undefined;
    if (task) form.write(reuse === "more" || painted ? { ...task.attempt.settings, seed: undefined } : task.attempt.settings);
    else form.keepDraft();
    fill(main, form.node, recent.node);
    if (task && painted) form.paint(task, painted);
  }

  function start() {
    begin().catch((error) => {
      if (over.signal.aborted) return;
      fill(main, element("div", { class: "request" }, element("h1", {}, "The form could not be loaded"),
        element("p", { role: "alert" }, messageOf(error)), button("Try again", start)), recent.node);
    });
  }
  fill(main);
  start();

  return () => {
    over.abort();
    recent.stop();
  };
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Task>} */
const loadTask = async (id, signal) => (await call("GET", `/v1/tasks/${encodeURIComponent(id)}`, { signal })).body;

/** @param {unknown} error */
const messageOf = (error) => sentence(error instanceof Error ? error.message : String(error));

/**
 * @param {{settings: Map<string, Setting>, offers: import("../types/desk").Offers}} service What may be asked for.
 * @param {Task | null} retried
 * @param {() => void} sent
 * @param {AbortSignal} signal
 */
function requestForm({ settings, offers }, retried, sent, signal) {
  const form = settingsForm(settings, offers);
  const guides = guideImages(settings, offers);
  const image = startingImage({
    mostSide: settings.get("width")?.schema.maximum ?? 2048,
    names: [...settings.keys()],
    loaded: (found) => {
      const { values, missing } = onlyOffered(found, offers);
      // What the file does not say stays as it was typed.
      const { title, tags, count } = form.read();
      form.write({ title, tags, count, ...values });
      if (missing.length > 0) notice(`Not offered here, and left out: ${missing.join(", ")}.`, { kind: "wrong" });
      form.focus("prompt");
    },
    changed: (there) => form.setStartingImage(there || Boolean(retried?.attempt.settings.init_image)),
    signal,
  });
  form.setStartingImage(Boolean(retried?.attempt.settings.init_image));
  image.keepMask(Boolean(retried?.attempt.settings.mask));
  const send = retried ? retry(retried, settings) : request();

  const wrong = element("div", { class: "wrong", role: "alert" });
  const submit = element("button", { class: "primary" }, retried ? "Try again" : "Generate");
  const rejected = retried?.attempt.rejection?.note;
  const reason = rejected ?? retried?.attempt.failure?.reason;
  const node = element("form", { class: "request", onsubmit: submitted },
    element("h1", {}, retried ? "Retry with changes" : "Create images"),
    reason && element("p", { class: "reason", dir: "auto" }, rejected ? "Rejected: " : "Failed: ", reason),
    retried && retried.attempt.images.length > 0 && element("div", { class: "row" }, retried.attempt.images.map((rejected, index) =>
      button(retried.attempt.images.length > 1 ? `Paint over image ${index + 1}` : "Paint over the image", () => paint(retried, rejected)))),
    wrong, form.node, image.node, guides.node, element("div", { class: "row send" }, submit));

  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) node.requestSubmit(submit);
  });

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    submit.disabled = true;
    fill(wrong);
    try {
      await send({ ...form.read(), ...(await guides.read()), ...(await image.read()) });
      // The next request is another image, which these do not name.
      if (!retried) form.write({ ...form.read(), title: undefined, tags: undefined });
      node.dispatchEvent(new Event("input"));
      sent();
    } catch (error) {
      fill(wrong, explanation(error));
    } finally {
      submit.disabled = false;
    }
  }

  /** Starts from an image of a task, and has a part of it marked. @param {Task} task @param {Task["attempt"]["images"][number]} painted */
  function paint(task, painted) {
    const { rejection } = task.attempt;
    // A reviewer may have shown where something is wrong.
    const regions = /** @type {{regions?: {image: number, x: number, y: number}[]} | null | undefined} */ (rejection)?.regions ?? [];
    image.start({
      key: `task:${task.id}/${painted.index}`, name: `image ${painted.index + 1} of the task`, url: painted.url,
      regions: regions.filter((region) => region.image === painted.index), reason: rejection?.note,
    });
    image.paint();
  }

  /** What is wrong, with a link to the field of each setting. @param {unknown} error */
  function explanation(error) {
    const errors = error instanceof Problem ? error.document.errors ?? [] : [];
    if (error instanceof Unreachable) return element("p", {}, "Can't reach Easel. Try again – you won't get duplicates.");
    if (errors.length === 0) return element("p", {}, messageOf(error));
    return [element("p", {}, "Please change:"), element("ul", {}, errors.map(({ field, message }) => element("li", {},
      element("a", { href: "#", onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        form.focus(field.replace(/[[.].*/, "").replace(/^mask$/, "init_image"));
      } }, field), ` ${message}`)))];
  }

  return {
    node,
    paint,

    /** @param {Record<string, any>} values */
    write(values) {
      form.write(values);
      guides.write(values);
    },

    /** Fills in what was typed before, and remembers what is typed from now on. */
    keepDraft() {
      const draft = sessionStorage.getItem(DRAFT);
      if (draft) form.write(readJson(draft));
      node.addEventListener("input", () => sessionStorage.setItem(DRAFT, writeJson(form.read())));
    },
  };
}

/**
 * Sends a body. The same one, sent again because it may not have arrived, has the same key, so that it is done once.
 * @param {string} path
 * @param {Record<string, string>} [headers]
 */
function sender(path, headers = {}) {
  /** @type {{content: string, key: string} | null} */
  let unsure = null;
  return async (/** @type {Record<string, any>} */ body) => {
    const content = JSON.stringify(body);
    if (unsure?.content !== content) unsure = { content, key: randomText() };
    await call("POST", path, { body, headers: { ...headers, "idempotency-key": unsure.key } });
    unsure = null;
  };
}

/** Sends a new request. */
function request() {
  const send = sender("/v1/tasks");
  return async (/** @type {Record<string, any>} */ body) => {
    await send(body);
    notice("Added to the queue.");
  };
}

/** Whether a setting without a value is not to be reset. @param {string} name @param {Record<string, any>} values */
const stays = (name, values) => ["seed", "init_image"].includes(name) || (name === "mask" && values.mask === undefined);

/** Sends a retry, then shows the task. @param {Task} task @param {Map<string, Setting>} settings */
function retry(task, settings) {
  const send = sender(`/v1/tasks/${task.id}/retry`, { "if-match": `"${task.version}"` });
  return async (/** @type {Record<string, any>} */ values) => {
    // A retry keeps what is absent, so what the form leaves to the model has to be null. A new seed is the service's,
    // and the starting image stays.
    const body = Object.fromEntries([...settings.keys()].map((name) =>
      [name, values[name] ?? (stays(name, values) ? undefined : null)]));
    await send(body);
    notice("New attempt queued.");
    location.hash = `#/task/${task.id}`;
  };
}
