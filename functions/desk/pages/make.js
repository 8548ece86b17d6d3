// Make: a form for pictures, and what one asked for lately, as it is drawn.

import { Problem, Resource, Unreachable, call, query } from "./api.js";
import { button, element, fill } from "./element.js";
import { settingsIn } from "./picture_settings.js";
import { readJson, writeJson } from "./json.js";
import { TYPES, unfit, upload } from "./init_image.js";
import { failed, notice, sentence } from "./notices.js";
import { randomText } from "./random.js";
import { session } from "./session.js";
import { settingsForm } from "./settings_form.js";
import { taskCard } from "./task_card.js";
import { seldom, watch } from "./watch.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").TaskPage} TaskPage */

const LATEST = 12;
/** What is in the form, should one have to sign in again. */
const DRAFT = "easel.draft";
/** @type {Record<string, string>} The API's names of fields, as the form has them. */
const FIELDS = { high_noise_frac: "use_refiner", init_image: "file" };

/** `rest` is a task to retry, or `ID/settings` to begin with its settings. @type {import("./desk.js").Page} */
export function make(main, rest) {
  const [id, settingsOnly] = rest.split("/");
  const retries = id !== "" && !settingsOnly;
  const form = settingsForm();
  /** @type {Task | null} */
  let retried = null;
  /** @type {File | null} */
  let start = null;
  /** The last order that may not have arrived, with its idempotency key. @type {{order: string, key: string} | null} */
  let unsure = null;
  /** The picture that was uploaded last: under another key it would make another order. @type {{file: File, key: string} | null} */
  let uploaded = null;
  let preview = "";

  const wrong = element("div", { class: "wrong", role: "alert" });
  const heading = element("h1", {}, retries ? "Retry with changes" : "Make pictures");
  const submit = element("button", { class: "primary" }, retries ? "Try again" : "Make pictures");
  const file = element("input", { type: "file", id: "file", accept: TYPES.join(), onchange: () => file.files?.[0] && take(file.files[0]) });
  const dropped = element("div", { class: "dropped" });
  const drop = element("div", { class: "drop" },
    element("label", { for: "file" }, "Start from a picture, or take its settings: drop it here, paste it, or choose a file"), file, dropped);
  const node = element("form", { class: "order", onsubmit: sending }, heading, wrong, form.node, drop, element("div", { class: "row send" }, submit));
  const cards = element("div", { class: "cards" });
  fill(main, node, element("section", { class: "latest", "aria-label": "Your latest" }, element("h2", {}, "Your latest"), cards));
  form.naming(!retries);

  /** @param {SubmitEvent} event */
  async function sending(event) {
    event.preventDefault();
    submit.disabled = true;
    fill(wrong);
    try {
      await send();
    } catch (error) {
      say(error);
    } finally {
      submit.disabled = false;
    }
  }

  async function send() {
    if (start && uploaded?.file !== start) uploaded = { file: start, key: await upload(start) };
    const { title, tags, ...settings } = form.read();
    const init = start && uploaded ? { init_image: uploaded.key } : {};
    if (retried) {
      // A retry keeps what it is not told: what the form leaves to the model, it has to be told so.
      const told = Object.entries(settings).filter(([name]) => name !== "seed").map(([name, value]) => [name, value ?? null]);
      const body = { ...Object.fromEntries(told), seed: settings.seed, ...init };
      await call("POST", `/v1/tasks/${retried.id}/retry`, { body, headers: { "if-match": `"${retried.version}"` } });
      notice("Another attempt is on its way.");
      location.hash = `#/task/${retried.id}`;
      return;
    }
    const body = { title, tags, ...settings, ...init };
    const order = JSON.stringify(body);
    if (unsure?.order !== order) unsure = { order, key: randomText() };
    await call("POST", "/v1/tasks", { body, headers: { "idempotency-key": unsure.key } });
    unsure = null;
    notice("Your pictures are on their way.");
    watching.now();
  }

  /** @param {unknown} error */
  function say(error) {
    const errors = error instanceof Problem ? error.document.errors ?? [] : [];
    const lost = error instanceof Unreachable && "Easel cannot be reached: try again, nothing is asked for twice.";
    const reason = lost || (error instanceof Error ? sentence(error.message) : String(error));
    fill(wrong, element("p", {}, errors.length > 0 ? "Please change:" : reason),
      errors.length > 0 && element("ul", {}, errors.map(({ field, message }) => element("li", {},
        element("a", { href: "#", onclick: (/** @type {Event} */ event) => {
          event.preventDefault();
          document.getElementById(FIELDS[field] ?? field.replace(/\[.*/, ""))?.focus();
        } }, field), ` ${message}`))));
  }

  /** Takes a picture's settings, or starts from it. @param {File} picture */
  async function take(picture) {
    const reason = unfit(picture);
    if (reason) return notice(`${reason}.`, { kind: "wrong" });
    const settings = await settingsIn(picture);
    if (settings) {
      form.fill(settings);
      startFrom(null);
      fill(dropped, element("p", {}, "The settings of ", element("bdi", {}, picture.name), " are in the form."),
        button("Start from the picture instead", () => startFrom(picture)));
      notice(`The settings of ${picture.name} are in the form.`);
      form.prompt.focus();
    } else {
      startFrom(picture);
    }
    file.value = "";
  }

  /** @param {File | null} picture */
  function startFrom(picture) {
    start = picture;
    form.starts(picture !== null || Boolean(retried?.attempt.settings.init_image));
    URL.revokeObjectURL(preview);
    preview = "";
    if (!picture) return fill(dropped);
    preview = URL.createObjectURL(picture);
    fill(dropped, element("img", { src: preview, alt: "", width: 72, height: 72 }),
      element("p", {}, "Starts from ", element("bdi", {}, picture.name)), button("Leave it out", () => startFrom(null)));
  }

  const over = new AbortController();
  document.addEventListener("dragover", (event) => event.preventDefault(), { signal: over.signal });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const picture = event.dataTransfer?.files[0];
    if (picture) take(picture).catch(failed);
  }, { signal: over.signal });
  document.addEventListener("paste", (event) => {
    const picture = event.clipboardData?.files[0];
    if (picture) take(picture).catch(failed);
  }, { signal: over.signal });

  async function begin() {
    /** @type {Task} */
    const task = (await call("GET", `/v1/tasks/${encodeURIComponent(id)}`, { signal: over.signal })).body;
    form.fill(task.attempt.settings);
    if (!retries) return;
    retried = task;
    startFrom(null);
    const reason = task.attempt.rejection?.note ?? task.attempt.failure?.reason;
    if (reason) heading.after(element("p", { class: "reason", dir: "auto" }, task.attempt.rejection ? "Rejected: " : "Failed: ", reason));
  }
  const draft = sessionStorage.getItem(DRAFT);
  if (!id && draft) form.fill(readJson(draft));
  if (!id) node.addEventListener("input", () => sessionStorage.setItem(DRAFT, writeJson(form.read())));
  if (id) begin().catch((error) => over.signal.aborted || say(error));

  /** @type {Resource<TaskPage>} */
  let list = new Resource("");
  /** @type {Map<string, {card: ReturnType<typeof taskCard>, progress: Resource<Task>}>} */
  const shown = new Map();
  const openAgain = () => (list = new Resource(`/v1/tasks?${query({ owner: session.identity?.name, limit: LATEST })}`));
  const stale = seldom(() => {
    for (const { card } of shown.values()) card.forget();
    openAgain();
    watching.now();
  });
  openAgain();

  const watching = watch(async (signal) => {
    const asked = list;
    let changed = await asked.ask(signal);
    const tasks = asked.value?.tasks ?? [];
    for (const [known, { card }] of shown) {
      if (tasks.some((task) => task.id === known)) continue;
      card.node.remove();
      shown.delete(known);
    }
    for (const [place, task] of tasks.entries()) {
      let entry = shown.get(task.id);
      if (!entry) {
        entry = { card: taskCard(() => watching.now(), stale), progress: new Resource(`/v1/tasks/${task.id}`) };
        shown.set(task.id, entry);
      }
      if (cards.children[place] !== entry.card.node) cards.insertBefore(entry.card.node, cards.children[place] ?? null);
      if (task.status !== "in_progress") {
        entry.card.show(task);
        continue;
      }
      // A list has no progress.
      changed = (await entry.progress.ask(signal)) || changed;
      entry.card.show(entry.progress.value ?? task);
    }
    if (tasks.length === 0) fill(cards, element("p", { class: "empty" }, "Nothing yet."));
    else cards.querySelector(".empty")?.remove();
    return changed || tasks.some((task) => task.status === "pending" || task.status === "in_progress");
  }, failed);

  return () => {
    over.abort();
    watching.stop();
    URL.revokeObjectURL(preview);
  };
}
