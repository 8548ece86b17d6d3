// A grid of which only the visible rows, and a few around them, are in the page.

import { element } from "./element.js";

const WIDTH = 176;
const HEIGHT = 252;
const AROUND = 2;

/**
 * @template {{key: string}} Entry Entries of the same key look the same.
 * @param {object} options
 * @param {string} options.label
 * @param {(entry: Entry) => HTMLElement} options.card
 * @param {() => void} options.nearEnd Called when few rows are left below.
 * @param {(first: number) => void} options.moved Called with the first visible entry.
 */
export function virtualGrid({ label, card, nearEnd, moved }) {
  const inner = element("div", { class: "rows", role: "list" });
  const node = element("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": label }, inner);
  /** @type {Entry[]} */
  let entries = [];
  let columns = 1;
  let waiting = false;
  /** @type {Map<number, {key: string, row: HTMLElement}>} */
  const shown = new Map();

  const firstRow = () => Math.max(0, Math.floor(node.scrollTop / HEIGHT));

  /** @param {number} number */
  function makeRow(number) {
    const row = element("div", { class: "row-of-tiles", role: "presentation" });
    row.style.transform = `translateY(${number * HEIGHT}px)`;
    row.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    entries.slice(number * columns, (number + 1) * columns).forEach((entry, place) => {
      const item = element("div", { role: "listitem", "aria-posinset": number * columns + place + 1, "aria-setsize": entries.length }, card(entry));
      row.append(item);
    });
    return row;
  }

  function draw() {
    waiting = false;
    const rows = Math.ceil(entries.length / columns);
    inner.style.height = `${rows * HEIGHT}px`;
    const from = Math.max(0, firstRow() - AROUND);
    const to = Math.min(rows, Math.ceil((node.scrollTop + node.clientHeight) / HEIGHT) + AROUND);
    for (const [number, { row }] of shown) {
      if (number >= from && number < to) continue;
      row.remove();
      shown.delete(number);
    }
    for (let number = from; number < to; number += 1) {
      const key = entries.slice(number * columns, (number + 1) * columns).map(({ key }) => key).join() + columns;
      const known = shown.get(number);
      if (known?.key === key) continue;
      const row = makeRow(number);
      if (known) known.row.replaceWith(row);
      else {
        // In the order of rows, so that Tab goes through them in that order.
        const after = [...shown].filter(([other]) => other > number).sort(([one], [other]) => one - other)[0];
        inner.insertBefore(row, after ? after[1].row : null);
      }
      shown.set(number, { key, row });
    }
    if (to >= rows - 3 * AROUND) nearEnd();
  }

  /** Once a frame, however often it is requested. */
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  node.addEventListener("scroll", () => {
    moved(firstRow() * columns);
    soon();
  }, { passive: true });
  const sized = new ResizeObserver(() => {
    columns = Math.max(1, Math.floor(node.clientWidth / WIDTH));
    soon();
  });
  sized.observe(node);

  return {
    node,
    /** @param {Entry[]} now */
    show(now) {
      entries = now;
      soon();
    },
    first: () => firstRow() * columns,
    toTop: () => (node.scrollTop = 0),
    /** @param {number} entry */
    to(entry) {
      draw();
      node.scrollTop = Math.floor(entry / columns) * HEIGHT;
    },
    stop: () => sized.disconnect(),
  };
}
