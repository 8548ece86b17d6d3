// The form of Create: the settings, an image to start from, and what sends them.

import { kept } from "./address.js";
import { Problem, Unreachable } from "./api.js";
import { button, element, fill } from "./element.js";
import { gridForm } from "./grid_form.js";
import { guideImages } from "./guide_images.js";
import { readJson, writeJson } from "./json.js";
import { isGoing, keepGoing, startGoing, stopGoing } from "./keep_going.js";
import { notice, sentence } from "./notices.js";
import { canNotify, notifies, toggleNotifications } from "./notifications.js";
import { onlyOffered } from "./offers.js";
import { batch, sender } from "./orders.js";
import { rememberPrompt, showPrompts } from "./prompt_history.js";
import { markedImages, remarks } from "./rejection.js";
import { randomText } from "./random.js";
import { settingsForm } from "./settings_form.js";
import { startingImage } from "./starting_image.js";
import { stylePart } from "./styles.js";
import { labelOf } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("./request_schema.js").Setting} Setting */

/** What is in the form, should one have to sign in again. */
const DRAFT = kept("easel.draft");
const DEMO = "This is the demo model. It draws simple shapes only, such as “a large red heart on a blue background”. For anything else, " +
  "start the service with SDXL's weights.";

/**
 * @param {{settings: Map<string, Setting>, offers: import("../types/desk").Offers, defaults: import("../types/desk").ModelDefaults | null}} service
 *   What may be asked for.
 * @param {Task | null} retried
 * @param {() => void} sent
 * @param {AbortSignal} signal
 */
export function requestForm({ settings, offers, defaults }, retried, sent, signal) {
  const form = settingsForm(settings, offers, defaults);
  const guides = guideImages(settings, offers);
  const image = startingImage({
    mostSide: settings.get("width")?.schema.maximum ?? 2048,
    names: [...settings.keys()],
    loaded: (found, unused) => {
      const { values, missing } = onlyOffered(found, offers);
      // What the file does not say stays as it was typed.
      const { title, tags, count } = form.read();
      form.write({ title, tags, count, ...values });
      const wrong = [missing.length > 0 && `Not offered here, and left out: ${missing.join(", ")}.`, unused.length > 0 && `Not used from the file: ${unused.join(", ")}.`];
      if (wrong.some(Boolean)) notice(wrong.filter(Boolean).join(" "), { kind: "wrong" });
      form.focus("prompt");
    },
    changed: (there) => form.setStartingImage(there || Boolean(retried?.attempt.settings.init_image)),
    signal,
  });
  form.setStartingImage(Boolean(retried?.attempt.settings.init_image));
  image.keepMask(Boolean(retried?.attempt.settings.mask));
  const send = retried ? retry(retried, settings) : request();
  const grid = gridForm(settings);

  const wrong = element("div", { class: "wrong", role: "alert" });
  const progress = element("p", { class: "hint", role: "status" });
  const submit = element("button", { class: "primary" }, retried ? "Try again" : "Generate");
  const going = button("Keep going", () => (isGoing() ? stopGoing() : keepOn()), { title: "Ask for one image after the other until you stop it" });
  const history = button("Prompt history", () => shown.showHistory(), { class: "quiet" });
  const notify = button("", () => toggleNotifications().then(drawButtons), { class: "quiet" });
  const stop = button("Stop", () => stopped.abort(), { hidden: true });
  let stopped = new AbortController();
  const rejected = retried?.attempt.rejection?.note;
  const reason = rejected ?? retried?.attempt.failure?.reason;
  const node = element("form", { class: "request", onsubmit: submitted },
    element("h1", {}, retried ? "Retry with changes" : "Create images"),
    defaults?.is_demo && element("p", { class: "reason demo" }, DEMO),
    reason && element("p", { class: "reason", dir: "auto" }, rejected ? "Rejected: " : "Failed: ", reason),
    retried && rejected && [remarks(retried.attempt.rejection), markedImages(retried.attempt)],
    retried && retried.attempt.images.length > 0 && element("div", { class: "row" }, retried.attempt.images.map((made, index) =>
      button(retried.attempt.images.length > 1 ? `Paint over image ${index + 1}` : "Paint over the image", () => paint(retried, made)))),
    wrong, stylePart(form, () => node.dispatchEvent(new Event("input"))), element("div", { class: "row" }, history, canNotify() && notify), form.node, image.node, guides.node, !retried && grid.node,
    progress, element("div", { class: "row send" }, submit, !retried && going, stop));

  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) node.requestSubmit(submit);
  });

  function drawButtons() {
    going.textContent = isGoing() ? "Stop" : "Keep going";
    going.setAttribute("aria-pressed", String(isGoing()));
    notify.textContent = notifies() ? "Notifications are on" : "Notify me when done";
    notify.setAttribute("aria-pressed", String(notifies()));
  }
  drawButtons();
  keepGoing.addEventListener("changed", drawButtons, { signal });

  /** What is in the form, with the keys of its images. */
  const values = async () => ({ ...form.read(), ...(await guides.read()), ...(await image.read()) });

  /** @param {() => Promise<void>} action */
  async function trying(action) {
    submit.disabled = true;
    fill(wrong);
    try {
      await action();
    } catch (error) {
      fill(wrong, explanation(error));
    } finally {
      submit.disabled = false;
      stop.hidden = true;
      fill(progress);
    }
  }

  /** @param {SubmitEvent} event */
  function submitted(event) {
    event.preventDefault();
    return trying(async () => {
      const now = await values();
      rememberPrompt(now);
      if (!retried && grid.isWanted()) return sendGrid(now);
      await send(now);
      // The next request is another image, which these do not name.
      if (!retried) form.write({ ...form.read(), title: undefined, tags: undefined });
      node.dispatchEvent(new Event("input"));
      sent();
    });
  }

  const keepOn = () => node.reportValidity() && trying(async () => {
    const now = await values();
    rememberPrompt(now);
    void startGoing(now, sent);
  });

  /** The grid that was not sent to its end: the same order goes on there. @type {{content: string, tag: string, sending: ReturnType<typeof batch>} | null} */
  let unsent = null;

  /** @param {Record<string, any>} now */
  async function sendGrid(now) {
    const content = JSON.stringify([now, [...grid.node.querySelectorAll("input, select")].map((input) => /** @type {HTMLInputElement} */ (input).value)]);
    if (unsent?.content !== content) {
      const tag = `grid-${randomText().slice(0, 10)}`;
      unsent = { content, tag, sending: batch(grid.cells(now, tag)) };
    }
    const { tag, sending } = unsent;
    stopped = new AbortController();
    stop.hidden = false;
    const all = await sending.send((text) => fill(progress, text), AbortSignal.any([signal, stopped.signal]));
    sent();
    if (all) unsent = null;
    if (all && !signal.aborted) location.hash = `#/grid/${tag}`;
  }

  /** Starts from an image of a task. @param {Task} task @param {Task["attempt"]["images"][number]} made @param {{regions?: any[], reason?: string}} [said] */
  const start = (task, made, said) =>
    image.start({ key: `task:${task.id}/${made.index}`, name: `image ${made.index + 1} of the task`, url: made.url, ...said });

  /** Starts from an image of a task, and has a part of it marked. @param {Task} task @param {Task["attempt"]["images"][number]} made */
  function paint(task, made) {
    const { rejection } = task.attempt;
    // A reviewer may have shown where something is wrong.
    const regions = (rejection?.regions ?? []).filter((region) => region.image === made.index);
    start(task, made, { regions, reason: rejection?.note });
    image.paint();
  }

  /** What is wrong, with a link to the field of each setting. @param {unknown} error */
  function explanation(error) {
    const errors = error instanceof Problem ? error.document.errors ?? [] : [];
    if (error instanceof Unreachable) return element("p", {}, "Can't reach Easel. Try again – you won't get duplicates.");
    if (errors.length === 0) return element("p", {}, sentence(error instanceof Error ? error.message : String(error)));
    return [element("p", {}, "Please change:"), element("ul", {}, errors.map(({ field, message }) => element("li", {},
      element("a", { href: "#", onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        form.focus(nameIn(field));
      } }, labelFor(nameIn(field))), ` ${message}`)))];
  }

  const shown = {
    node,
    focus: form.focus,
    startFrom: start,
    paint,

    /** @param {Record<string, any>} values */
    write(values) {
      form.write(values);
      guides.write(values);
    },

    /** Starts from an image that was uploaded before. @param {string | null | undefined} key */
    startFromKey: (key) => image.start(key ? { key, name: "the one of before" } : null),

    showHistory: () => showPrompts((used) => {
      form.write({ ...form.read(), prompt: used.prompt, negative_prompt: used.negative_prompt });
      form.focus("prompt");
    }),

    /** Fills in what was typed before, and remembers what is typed from now on. */
    keepDraft() {
      const draft = sessionStorage.getItem(DRAFT);
      if (draft) form.write(readJson(draft));
      node.addEventListener("input", () => sessionStorage.setItem(DRAFT, writeJson(form.read())));
    },
  };
  return shown;
}

/** The setting that an error is about: of `loras[0].name` it is `loras`. @param {string} field */
const nameIn = (field) => field.replace(/[[.].*/, "").replace(/^mask$/, "init_image");

/** What the form calls a setting. @param {string} name */
const labelFor = (name) =>
  document.getElementById(name)?.closest(".field")?.querySelector("label, legend")?.textContent || labelOf(name);

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
