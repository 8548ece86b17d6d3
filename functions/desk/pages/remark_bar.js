// What a reviewer says of single images before they decide: notes, and marked places.

import { ask } from "./ask.js";
import { button, element, fill } from "./element.js";

/** @typedef {import("../types/desk").Area} Area */
/** @typedef {{notes: {image: number, note: string}[], regions: (Area & {image: number, note?: string})[]}} Remarks */

const MOST = 24;
const LENGTH = 200;

/**
 * @param {import("./image_viewer.js").Viewer} viewer
 */
export function remarkBar(viewer) {
  /** @type {Remarks} */
  let remarks = { notes: [], regions: [] };
  const said = element("span", { class: "row", role: "status" });
  const mark = button("Mark a flaw", () => void bar.mark());
  const note = button("Note to image", () => void bar.note());
  const node = element("div", { class: "row remark-bar" }, mark, note, said);

  function draw() {
    const { notes, regions } = remarks;
    /** @param {string} label @param {() => void} remove */
    const chip = (label, remove) => button(`${label} ×`, () => {
      remove();
      draw();
    }, { class: "chip", title: "Remove" });
    fill(said,
      regions.map((region, index) => chip(`Place ${index + 1}${region.note ? `: ${region.note}` : ""}`, () => regions.splice(index, 1))),
      notes.map(({ image, note: text }, index) => chip(`Image ${image + 1}: ${text}`, () => notes.splice(index, 1))));
    viewer.setMarks("flaws", regions.map(({ image, note: _, ...region }, index) => ({ image, region, label: String(index + 1), flaw: true })));
    note.hidden = viewer.count < 2;
  }

  const bar = {
    node,
    /** What was said, as the service takes it. */
    get value() {
      return remarks;
    },

    clear() {
      remarks = { notes: [], regions: [] };
      draw();
    },

    async mark() {
      if (remarks.regions.length >= MOST) return;
      const marked = await viewer.mark();
      if (!marked) return;
      const text = await ask({ title: `What is wrong here, in image ${marked.image + 1}?`, label: "Note (optional)", action: "Mark it", most: LENGTH });
      if (text === null) return;
      remarks.regions.push({ image: marked.image, ...marked.region, ...(text ? { note: text } : {}) });
      draw();
    },

    async note() {
      const image = viewer.chosen;
      const text = await ask({ title: `Note to image ${image + 1}`, label: "Note", action: "Keep", required: true, most: LENGTH });
      if (!text) return;
      remarks.notes = [...remarks.notes.filter((other) => other.image !== image), { image, note: text }];
      draw();
    },
  };
  return bar;
}
