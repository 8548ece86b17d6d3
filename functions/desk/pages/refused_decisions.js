// Decisions that were refused: who was first, and what the reason or note was, until they have been read.

import { button, element } from "./element.js";
import { region } from "./notices.js";
import { dismiss, outbox, refused } from "./outbox.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

export function showRefused() {
  update();
  outbox.removeEventListener("changed", update);
  outbox.addEventListener("changed", update);
}

function update() {
  const now = refused();
  for (const [key, made] of shown) {
    if (now.some((decision) => decision.key === key)) continue;
    made.remove();
    shown.delete(key);
  }
  for (const decision of now) {
    if (shown.has(decision.key)) continue;
    const what = { approve: "approved", reject: "rejected", publish: "published" }[decision.move];
    const made = element(
      "div",
      { class: "notice wrong" },
      element("p", {}, `“${decision.about}” was not ${what}: ${decision.refusal}.`),
      decision.words && element("p", {}, `Your ${decision.move === "approve" ? "note" : "reason"} was: “${decision.words}”`),
      element("a", { href: `#/task/${decision.task}` }, "Show the task"),
      button("Close", () => dismiss(decision.key), { class: "quiet" }),
    );
    shown.set(decision.key, made);
    region().append(made);
  }
}
