// What can be made of an image: a task that paints over it, one that enlarges it; and a look at the image that it came from.

import { call } from "./api.js";
import { beforeAfter } from "./before_after.js";
import { button, element } from "./element.js";
import { failed, notice } from "./notices.js";
import { LANCZOS } from "./offer_controls.js";
import { loadOffers } from "./offers.js";
import { numberInput, select } from "./setting_controls.js";

/** @typedef {import("../types/desk").Task} Task */

/**
 * @param {Task} task
 * @param {() => number} chosen The index of the image in view.
 * @returns {HTMLElement[]}
 */
export function childMoves(task, chosen) {
  const { images, parent } = task.attempt;
  if (images.length === 0 || task.status === "deleted") return [];
  const isApproved = ["approved", "published"].includes(task.status);
  return [
    button("Paint over", () => (location.hash = `#/create/${task.id}/paint/${chosen()}`)),
    isApproved && button("Upscale", () => upscale(task, chosen()).catch(failed)),
    parent && button("Compare with its source", () => compare(task, chosen()).catch(failed)),
  ].filter((node) => node instanceof HTMLElement);
}

/** Asks how, then requests the larger image as a task of its own. @param {Task} task @param {number} index */
async function upscale(task, index) {
  const offers = await loadOffers(new AbortController().signal);
  const upscaler = select("upscale-with", [...offers.upscalers.map(({ name }) => /** @type {[string, string]} */ ([name, name])), [LANCZOS, "Lanczos"]]);
  const factor = numberInput("upscale-by", { minimum: 1, maximum: 8 }, { step: 0.5, value: "2", required: true });
  const confirm = element("button", { value: "yes", class: "primary" }, "Upscale");
  const dialog = element("dialog", { "aria-labelledby": "upscale-title" }, element("form", { method: "dialog" },
    element("h2", { id: "upscale-title" }, "Upscale this image"),
    element("label", { for: "upscale-with" }, "Enlarge with"), upscaler, element("label", { for: "upscale-by" }, "Factor"), factor,
    element("div", { class: "row" }, confirm, button("Cancel", () => dialog.close(""), { class: "quiet" }))));
  document.body.append(dialog);
  const isWanted = await new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
  if (!isWanted) return;
  const { settings, images } = task.attempt;
  const { body } = await call("POST", "/v1/tasks", {
    body: {
      // What is drawn stays as it is: nothing of it is drawn again.
      prompt: settings.prompt, negative_prompt: settings.negative_prompt, seed: images[index]?.seed, init_image: `task:${task.id}/${index}`,
      strength: 0, upscaler: upscaler.value, upscale: Number(factor.value), title: task.title, tags: task.tags,
    },
  });
  notice("Upscaling is added to the queue.");
  location.hash = `#/task/${body.id}`;
}

/** Shows an image over the one that it was made from. @param {Task} task @param {number} index */
async function compare(task, index) {
  const { parent, images } = task.attempt;
  const after = images[index] ?? images[0];
  if (!parent || !after) return;
  const { body } = await call("GET", `/v1/tasks/${parent.task}`);
  /** @type {Task} */
  const source = body;
  const attempts = [source.attempt, ...source.earlier_attempts];
  const before = attempts.find(({ number }) => number === parent.attempt)?.images.find((image) => image.index === parent.index);
  if (!before) throw new Error("The image that this one was made from is gone.");
  beforeAfter({ title: "Before and after", before: before.url, after: after.url });
}
