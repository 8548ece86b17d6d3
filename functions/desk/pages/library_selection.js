// What is selected in Library, and what can be done with all of it.

import { call } from "./api.js";
import { ask } from "./ask.js";
import { collectImages } from "./collect.js";
import { downloadImages, imagesOfTasks } from "./download_images.js";
import { button, element, fill } from "./element.js";
import { askForTags } from "./label_dialog.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";
import { counted } from "./words.js";

/** @typedef {import("../types/desk").Task} Task */

/** The most tasks of one call. */
const AT_ONCE = 100;

/** @param {string} id @returns {Promise<Task>} */
const whole = async (id) => (await call("GET", `/v1/tasks/${id}`)).body;

/** @param {() => void} moved Called after tasks have changed. */
export function librarySelection(moved) {
  /** @type {Set<string>} */
  const chosen = new Set();
  const node = element("div", { class: "row", role: "group", "aria-label": "Selection" });

  /** @param {() => Promise<unknown>} action */
  const act = (action) => void action().catch(failed);

  /** @param {Record<string, any>} body @param {string} done */
  async function move(body, done) {
    const ids = [...chosen];
    const results = [];
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const answer = (await call("POST", "/v1/tasks/bulk", { body: { ...body, ids: ids.slice(start, start + AT_ONCE) } })).body;
      results.push(...answer.results);
    }
    const refused = results.filter((/** @type {any} */ result) => result.status !== 200);
    const right = results.length - refused.length;
    if (right > 0) notice(`${done} ${counted(right, "task")}.`);
    const why = refused[0]?.problem?.detail;
    if (refused.length > 0) notice(`${counted(refused.length, "task")} stayed as they were: ${why}.`, { kind: "wrong" });
    // What was refused stays selected.
    chosen.clear();
    for (const { id } of refused) chosen.add(id);
    draw();
    moved();
  }

  async function tag() {
    const tags = await askForTags(`Tags of ${counted(chosen.size, "task")}`);
    if (tags && tags.add_tags.length + tags.remove_tags.length > 0) await move({ move: "relabel", ...tags }, "Labelled");
  }

  async function publish() {
    const sure = await ask({ title: `Publish the approved images of ${counted(chosen.size, "task")}?`, action: "Publish" });
    if (sure !== null) await move({ move: "publish" }, "Published");
  }

  async function remove() {
    const sure = await ask({ title: `Delete ${counted(chosen.size, "task")}? They are removed for good after seven days.`, action: "Delete" });
    if (sure !== null) await move({ move: "delete" }, "Deleted");
  }

  async function collect() {
    const images = [];
    for (const id of chosen) {
      const { attempt } = await whole(id);
      images.push(...attempt.images.map(({ index }) => ({ task: id, attempt: attempt.number, image: index })));
    }
    if (images.length > 0) await collectImages(images);
  }

  function draw() {
    const some = chosen.size > 0;
    fill(node, some && [
      element("span", {}, `${chosen.size} selected`),
      button("Change tags…", () => act(tag)),
      session.reviews && button("Publish", () => act(publish)),
      button("Add to a collection…", () => act(collect)),
      button("Download ZIP", () => act(() => downloadImages(imagesOfTasks([...chosen], whole), "easel"))),
      button("Delete", () => act(remove)),
      button("Clear selection", () => selection.clear(true), { class: "quiet" }),
    ]);
  }

  const selection = {
    node,

    /** @param {string} id */
    has: (id) => chosen.has(id),

    /** @param {string} id @param {boolean} on */
    choose(id, on) {
      if (on) chosen.add(id);
      else chosen.delete(id);
      draw();
    },

    /** @param {boolean} [visibly] Whether the boxes in the page have to follow. */
    clear(visibly = false) {
      chosen.clear();
      draw();
      if (visibly) for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".tile-frame input"))) box.checked = false;
    },
  };
  draw();
  return selection;
}
