// Queue: what waits to be generated, in its order. Reviewers reorder it and pause all of it.

import { Resource, call } from "./api.js";
import { ask } from "./ask.js";
import { button, element, fill } from "./element.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";
import { timeAgo } from "./time_ago.js";
import { watch } from "./watch.js";
import { counted, duration } from "./words.js";

/** @typedef {import("../types/desk").Queue} Queue */

const LIMIT = 50;
/** The highest priority. */
const FIRST = 9;

/** @type {import("./desk.js").Page} */
export function queuePage(main) {
  /** @type {Resource<Queue>} */
  let queue = new Resource(`/v1/queue?limit=${LIMIT}`);
  const state = element("p", { class: "count", role: "status" });
  const actions = element("div", { class: "row", role: "group", "aria-label": "The whole queue" });
  const body = element("tbody", {});
  const table = element("table", { class: "waiting" }, element("caption", { class: "hint" }, "In the order in which they are generated"),
    element("thead", {}, element("tr", {}, ["Place", "Request", "By", "Waiting since", "Estimated start", ""].map((name) =>
      element("th", { scope: "col" }, name)))), body);
  fill(main, element("h1", {}, "Queue"), state, actions, table);

  /** @param {() => Promise<unknown>} action */
  const act = (action) => void action().then(() => watching.now()).catch(failed);

  async function pause() {
    const answer = await ask({
      title: "Pause the whole queue? What is being generated is finished first, unless you pause it, too.", action: "Pause all",
      also: "Also pause what is being generated, at its next step; it goes on from there",
    });
    if (answer === null) return;
    const { body } = await call("PUT", "/v1/queue", { body: { paused: true, running: answer === "also" ? "pause" : "finish" } });
    notice(body.tasks > 0 ? `The queue is paused, and with it ${counted(body.tasks, "task")} that ${body.tasks === 1 ? "was" : "were"} being generated.`
      : "The queue is paused.");
  }

  async function resume() {
    await call("PUT", "/v1/queue", { body: { paused: false } });
    notice("The queue goes on.");
  }

  /** @param {string} id @param {number} priority */
  const prioritize = (id, priority) => act(() => call("PUT", `/v1/tasks/${id}/priority`, { body: { priority } }));

  /** @param {Queue} now */
  function draw(now) {
    const running = now.running > 0 ? `, ${now.running} being generated` : "";
    const paused = now.paused ? ` · Paused${now.paused_by ? ` by ${now.paused_by}` : ""}` : "";
    state.textContent = `${counted(now.waiting, "task")} waiting${running}${paused}`;
    fill(actions, session.reviews && (now.paused ? button("Resume all", () => act(resume), { class: "primary" }) : button("Pause all", () => act(pause))));
    table.hidden = now.tasks.length === 0;
    const focused = document.activeElement?.getAttribute("data-key");
    fill(body, now.tasks.map((task) => element("tr", {},
      element("td", {}, String(task.position)),
      element("th", { scope: "row" }, element("a", { href: `#/task/${task.id}`, dir: "auto" }, task.title)),
      element("td", {}, element("bdi", {}, task.owner)),
      element("td", {}, timeAgo(task.waiting_since)),
      element("td", {}, task.starts_in_seconds === null || task.starts_in_seconds === undefined ? "–"
        : task.starts_in_seconds < 1 ? "next" : `in ${duration(task.starts_in_seconds)}`),
      element("td", {}, session.reviews && (task.priority > 0
        ? button("Back in turn", () => prioritize(task.id, 0), { "data-key": task.id, "aria-label": `Put “${task.title}” back in its turn` })
        : button("Generate first", () => prioritize(task.id, FIRST), { "data-key": task.id, "aria-label": `Generate “${task.title}” first` }))))));
    if (focused) /** @type {HTMLElement | null} */ (body.querySelector(`[data-key="${focused}"]`))?.focus();
  }

  let drawn = "";
  const watching = watch(async (signal) => {
    const asked = queue;
    await asked.load(signal);
    const text = JSON.stringify(asked.value);
    if (asked.value && text !== drawn) draw(asked.value);
    const changed = text !== drawn;
    drawn = text;
    return changed;
  }, failed);
  return watching.stop;
}
