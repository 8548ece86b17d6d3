// Decisions that could not be made: who was first, and what one had said, until one has read it.

import { button, element } from "./element.js";
import { dismiss, outbox, refused } from "./outbox.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

export function showRefused() {
  update();
  outbox.removeEventListener("changed", update);
  outbox.addEventListener("changed", update);
}

function update() {
  const region = /** @type {HTMLElement} */ (document.getElementById("notices"));
  const now = refused();
  for (const [key, made] of shown) {
    if (now.some((decision) => decision.key === key)) continue;
    made.remove();
    shown.delete(key);
  }
  for (const decision of now) {
    if (shown.has(decision.key)) continue;
    const what = decision.move === "approve" ? "approval" : "rejection";
    const made = element(
      "div",
      { class: "notice wrong" },
      element("p", {}, `Your ${what} of “${decision.about}” was not made: ${decision.refusal}.`),
      decision.words && element("p", {}, `You had said: “${decision.words}”`),
      element("a", { href: `#/task/${decision.task}` }, "Show the task"),
      button("Close", () => dismiss(decision.key), { class: "quiet" }),
    );
    shown.set(decision.key, made);
    region.append(made);
  }
}
