// A view of something large: scrolled, zoomed by buttons, wheel or two fingers.

import { element } from "./element.js";

const [SMALLEST, LARGEST] = [0.05, 16];

/**
 * @param {HTMLElement} sheet What is shown.
 * @param {HTMLElement} surface What is touched.
 * @param {() => void} changed
 */
export function zoomedView(sheet, surface, changed) {
  const node = element("div", { class: "zoomed" }, sheet);
  let size = { width: 1, height: 1 };
  let scale = 1;
  /** Fingers, or what drags the view. @type {Map<number, {x: number, y: number}>} */
  const held = new Map();
  /** @type {Map<number, {x: number, y: number}>} */
  const touches = new Map();
  let isFitted = true;

  /** @param {number} next @param {{x: number, y: number}} [around] What stays where it is, in the view. */
  function scaleTo(next, around = { x: node.clientWidth / 2, y: node.clientHeight / 2 }) {
    next = Math.min(LARGEST, Math.max(SMALLEST, next));
    const [x, y] = [(node.scrollLeft + around.x) / scale, (node.scrollTop + around.y) / scale];
    scale = next;
    sheet.style.width = `${size.width * scale}px`;
    sheet.style.height = `${size.height * scale}px`;
    node.scrollTo(x * scale - around.x, y * scale - around.y);
    changed();
  }

  function fit() {
    isFitted = true;
    // Handles stand around the sheet.
    scaleTo(Math.min((node.clientWidth - 64) / size.width, (node.clientHeight - 64) / size.height));
  }

  node.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    isFitted = false;
    const box = node.getBoundingClientRect();
    scaleTo(scale * Math.exp(-event.deltaY / 200), { x: event.clientX - box.left, y: event.clientY - box.top });
  }, { passive: false });
  const watching = new ResizeObserver(() => isFitted && fit());
  watching.observe(node);

  const middle = () => {
    const points = [...held.values()];
    const sum = points.reduce((all, { x, y }) => ({ x: all.x + x, y: all.y + y }), { x: 0, y: 0 });
    const apart = points.length > 1 ? Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y) : 0;
    return { x: sum.x / points.length, y: sum.y / points.length, apart };
  };

  return {
    node,
    fit,
    get scale() {
      return scale;
    },

    /** @param {number} factor */
    zoom(factor) {
      isFitted = false;
      scaleTo(scale * factor);
    },

    /** @param {{width: number, height: number}} now */
    resize(now) {
      size = now;
      if (isFitted) fit();
      else scaleTo(scale);
    },

    /** Whether a press moves the view: a second finger, the middle button, or any while `always`. @param {PointerEvent} event @param {boolean} always */
    takes(event, always) {
      const place = { x: event.clientX, y: event.clientY };
      if (event.pointerType === "touch") touches.set(event.pointerId, place);
      if (!always && event.button !== 1 && touches.size < 2) return false;
      event.preventDefault();
      held.clear();
      for (const [id, touch] of touches) held.set(id, touch);
      held.set(event.pointerId, place);
      surface.setPointerCapture(event.pointerId);
      return true;
    },

    /** Whether a move was the view's. @param {PointerEvent} event */
    moves(event) {
      if (touches.has(event.pointerId)) touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (!held.has(event.pointerId)) return held.size > 0;
      const before = middle();
      held.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const now = middle();
      node.scrollBy(before.x - now.x, before.y - now.y);
      if (before.apart > 0 && now.apart > 0) {
        isFitted = false;
        const box = node.getBoundingClientRect();
        scaleTo((scale * now.apart) / before.apart, { x: now.x - box.left, y: now.y - box.top });
      }
      return true;
    },

    /** Whether what ends was the view's. @param {PointerEvent} event */
    ends(event) {
      touches.delete(event.pointerId);
      const was = held.size > 0;
      held.delete(event.pointerId);
      return was;
    },

    stop() {
      watching.disconnect();
    },
  };
}
