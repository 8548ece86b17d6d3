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
import { startingImage } from "./starting_image.js";
import { stylePart } from "./styles.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("./request_schema.js").Setting} Setting */

/** What is in the form, should one have to sign in again. */
const DRAFT = "easel.draft";

/** `rest` is a task to retry, `ID/settings` to reuse all its settings, `ID/more` all but the seed. @type {import("./desk.js").Page} */
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
    if (task) form.write(reuse === "more" ? { ...task.attempt.settings, seed: undefined } : task.attempt.settings);
    else form.keepDraft();
    fill(main, form.node, recent.node);
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
  const image = startingImage({
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
  const send = retried ? retry(retried, settings) : request();

  const wrong = element("div", { class: "wrong", role: "alert" });
  const submit = element("button", { class: "primary" }, retried ? "Try again" : "Generate");
  const rejected = retried?.attempt.rejection?.note;
  const reason = rejected ?? retried?.attempt.failure?.reason;
  const node = element("form", { class: "request", onsubmit: submitted },
    element("h1", {}, retried ? "Retry with changes" : "Create images"),
    reason && element("p", { class: "reason", dir: "auto" }, rejected ? "Rejected: " : "Failed: ", reason),
    wrong, stylePart(form, () => node.dispatchEvent(new Event("input"))), form.node, image.node, element("div", { class: "row send" }, submit));

  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) node.requestSubmit(submit);
  });

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    submit.disabled = true;
    fill(wrong);
    try {
      await send({ ...form.read(), init_image: await image.key() });
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

  /** What is wrong, with a link to the field of each setting. @param {unknown} error */
  function explanation(error) {
    const errors = error instanceof Problem ? error.document.errors ?? [] : [];
    if (error instanceof Unreachable) return element("p", {}, "Can't reach Easel. Try again – you won't get duplicates.");
    if (errors.length === 0) return element("p", {}, messageOf(error));
    return [element("p", {}, "Please change:"), element("ul", {}, errors.map(({ field, message }) => element("li", {},
      element("a", { href: "#", onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        form.focus(field.replace(/[[.].*/, ""));
      } }, field), ` ${message}`)))];
  }

  return {
    node,
    write: form.write,

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

/** Sends a retry, then shows the task. @param {Task} task @param {Map<string, Setting>} settings */
function retry(task, settings) {
  const send = sender(`/v1/tasks/${task.id}/retry`, { "if-match": `"${task.version}"` });
  return async (/** @type {Record<string, any>} */ values) => {
    // A retry keeps what is absent, so what the form leaves to the model has to be null. A new seed is the service's,
    // and the starting image stays.
    const body = Object.fromEntries([...settings.keys()].map((name) =>
      [name, values[name] ?? (name === "seed" || name === "init_image" ? undefined : null)]));
    await send(body);
    notice("New attempt queued.");
    location.hash = `#/task/${task.id}`;
  };
}
