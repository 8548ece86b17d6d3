// Create: a form to request images, and what one has requested lately.

import { call } from "./api.js";
import { loadDefaults } from "./defaults.js";
import { button, element, fill } from "./element.js";
import { imageFile } from "./image_files.js";
import { listenForKeys } from "./keys.js";
import { failed, sentence } from "./notices.js";
import { loadOffers } from "./offers.js";
import { recentImages } from "./recent_images.js";
import { requestForm } from "./request_form.js";
import { loadDescription, settingsOf } from "./request_schema.js";
import { reused } from "./reuse.js";
import { session } from "./session.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("./reuse.js").Reuse} Reuse */

/** `rest` is a task to retry, or a task with what of it is reused, and the index of the image: `ID/vary/2`, `ID/paint/0` to paint over it. @type {import("./desk.js").Page} */
export function create(main, rest) {
  const [id, reuse, index = "0"] = rest.split("/");
  const over = new AbortController();
  /** @type {ReturnType<typeof requestForm> | null} */
  let form = null;
  const recent = recentImages(use);

  async function begin() {
    const [description, offers, defaults, task] = await Promise.all([
      loadDescription(over.signal), loadOffers(over.signal), loadDefaults(over.signal), id ? loadTask(id, over.signal) : null,
    ]);
    const retries = task !== null && !reuse;
    const settings = settingsOf(description, retries ? "/v1/tasks/{id}/retry" : "/v1/tasks");
    form = requestForm({ settings, offers, defaults }, retries ? task : null, recent.now, over.signal);
    fill(main, form.node, recent.node);
    if (retries) form.write(task.attempt.settings);
    else if (task) await fillIn(task, /** @type {Reuse} */ (reuse), Number(index));
    else form.keepDraft();
  }

  /** @param {Task} task @param {Reuse} what @param {number} place */
  async function fillIn(task, what, place) {
    const image = task.attempt.images.find((image) => image.index === place);
    const values = reused(task.attempt.settings, image, what);
    form?.write(values);
    if (what === "paint" && image) form?.paint(task, image);
    else if (what === "start" && image) form?.startFrom(task, image);
    else form?.startFromKey(task.owner === session.identity?.name ? values.init_image : undefined);
  }

  /** Fills in the form that is there, without leaving it. @type {import("./image_actions.js").Use} */
  function use(task, what, place) {
    if (!form || (id && !reuse)) {
      location.hash = `#/create/${task}/${what}/${place}`;
      return;
    }
    loadTask(task, over.signal).then((whole) => fillIn(whole, what, place)).then(() => {
      main.scrollIntoView();
      form?.focus("prompt");
    }, failed);
  }

  function start() {
    begin().catch((error) => {
      if (over.signal.aborted) return;
      fill(main, element("div", { class: "request" }, element("h1", {}, "The form could not be loaded"),
        element("p", { role: "alert" }, sentence(error instanceof Error ? error.message : String(error))), button("Try again", start)), recent.node);
    });
  }
  fill(main);
  start();
  const stopKeys = listenForKeys([
    { keys: [], shown: "Ctrl+Enter", does: "Generate" },
    { keys: ["p"], does: "Go to the prompt", action: () => form?.focus("prompt") },
    { keys: ["h"], does: "Prompt history", action: () => form?.showHistory() },
  ]);

  return () => {
    over.abort();
    recent.stop();
    stopKeys();
  };
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Task>} */
const loadTask = async (id, signal) => (await call("GET", `/v1/tasks/${encodeURIComponent(id)}`, { signal })).body;
