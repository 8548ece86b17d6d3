// Two images over each other, with a slider between them.

import { button, element } from "./element.js";

/**
 * @param {{title: string, before: string, after: string}} images Their URLs.
 */
export function beforeAfter({ title, before, after }) {
  const upper = element("img", { src: after, alt: "After" });
  const slider = element("input", { type: "range", min: 0, max: 100, value: "50", "aria-label": "Where the new image begins, from the left" });
  const split = () => (upper.style.clipPath = `inset(0 0 0 ${slider.value}%)`);
  slider.addEventListener("input", split);
  split();
  const dialog = element("dialog", { class: "comparing", "aria-labelledby": "pair-title" },
    element("h2", { id: "pair-title" }, title),
    element("div", { class: "pair" }, element("img", { src: before, alt: "Before" }), upper),
    element("div", { class: "row sides" }, element("span", {}, "Before"), slider, element("span", {}, "After")),
    button("Close", () => dialog.close(), { class: "primary" }));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  slider.focus();
}
