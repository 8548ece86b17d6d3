// The editor of a mask: what of an image is painted anew. By mouse, finger, pen or keyboard.

import { contextOf, fileOf, isBlack, loaded, preview, range } from "./canvases.js";
import { button, element } from "./element.js";
import { extendingHandles } from "./extending_handles.js";
import { drawMark, drawStroke, markHistory, marksOf } from "./mask_marks.js";
import { NOT_EXTENDED, fillNew, isExtended, onLargerCanvas, sizeWith } from "./outpainting.js";
import { zoomedView } from "./zoomed_view.js";

/** @typedef {import("./mask_marks.js").Mark} Mark */
/** @typedef {import("./mask_marks.js").Stroke} Stroke */
/** @typedef {import("./outpainting.js").Extension} Extension */
/** @typedef {{marks: Mark[], extension: Extension}} Drawing */
/** @typedef {{mask: File, image: File | null, drawing: Drawing, preview: HTMLCanvasElement}} EditedMask */

const TINT = "#e0218a";
const HELP = "Arrow keys move the brush, Shift moves it further. Space paints a dot, Enter puts the brush down or lifts it. " +
  "[ and ] change its size; B brush, E eraser, L lasso, F fill, I invert, X clear, Z undo, Shift+Z redo, + and − zoom, 0 shows all.";
/** @type {[string, string, string][]} */
const TOOLS = [["brush", "Brush", "b"], ["eraser", "Eraser", "e"], ["lasso", "Lasso", "l"], ["move", "Move", "m"]];

/**
 * Has somebody edit a mask; null if they leave it as it was.
 * @param {object} options
 * @param {File | string} options.source The image, or its URL.
 * @param {Drawing} [options.drawing] What was drawn before.
 * @param {{x: number, y: number, width?: number, height?: number}[]} [options.regions] What is marked at first.
 * @param {string} [options.reason] Why, beside the image.
 * @param {number} options.mostSide The longest side that the service draws.
 * @returns {Promise<EditedMask | null>}
 */
export async function editMask({ source, drawing, regions = [], reason, mostSide }) {
  const image = await loaded(source);
  const own = { width: image.naturalWidth, height: image.naturalHeight };
  const longest = Math.max(own.width, own.height);
  const history = markHistory(drawing?.marks ?? marksOf(regions, own));
  let extension = drawing?.extension ?? NOT_EXTENDED;
  let tool = "brush";
  /** What is being drawn. @type {Mark | null} */
  let current = null;
  let cursor = { x: own.width / 2, y: own.height / 2 };
  let isDown = false;
  let isLeaving = false;

  const mask = element("canvas");
  const pen = contextOf(mask);
  const shown = element("canvas", { class: "mask", tabindex: 0, role: "application", "aria-label": "Mask", "aria-describedby": "editor-help" });
  const backdrop = element("canvas");
  const ring = element("div", { class: "ring", hidden: true });
  const sheet = element("div", { class: "sheet" }, backdrop, shown, ring);
  const view = zoomedView(sheet, shown, () => place());
  const said = element("p", { role: "status", class: "said" });
  const size = range("Brush size", { min: 2, max: Math.max(64, Math.round(longest / 2)), value: Math.round(longest / 16) });
  const soft = range("Soft edge", { min: 0, max: 100, value: 0 });
  const tools = TOOLS.map(([name, label]) => button(label, () => choose(name), { "aria-pressed": String(name === tool) }));
  const undo = button("Undo", () => back());
  const redo = button("Redo", () => forth());
  const handles = extendingHandles({
    image: own, mostSide, scale: () => view.scale,
    changed: (now, words) => {
      extension = now;
      resize();
      say(words);
    },
  });
  sheet.append(...handles.nodes);
  const use = button("Use this mask", () => finish(), { class: "primary" });
  const dialog = element("dialog", { class: "editor", "aria-labelledby": "editor-title" },
    element("h2", { id: "editor-title" }, "What is painted anew"),
    reason && element("p", { class: "reason", dir: "auto" }, reason),
    element("div", { class: "row bar", role: "toolbar", "aria-label": "Tools" }, tools, size.node, soft.node,
      button("Fill", () => whole("fill", "All of it is masked.")), button("Invert", () => whole("invert", "Inverted.")),
      button("Clear", () => whole("clear", "Nothing is masked.")), undo, redo,
      button("−", () => view.zoom(1 / 1.5), { "aria-label": "Zoom out" }), button("Fit", () => view.fit()),
      button("+", () => view.zoom(1.5), { "aria-label": "Zoom in" })),
    view.node, said, element("small", { id: "editor-help" }, HELP),
    element("div", { class: "row" }, use, button("Cancel", () => dialog.close(), { class: "quiet" })));

  /** @param {string} words */
  const say = (words) => (said.textContent = words);

  /** @param {string} name */
  function choose(name) {
    tool = name;
    TOOLS.forEach(([known, label], index) => {
      tools[index].setAttribute("aria-pressed", String(known === name));
      if (known === name) say(`${label}.`);
    });
    shown.classList.toggle("moves", name === "move");
  }

  /** Makes the canvases as large as the image with what is added. */
  function resize() {
    const all = sizeWith(own, extension);
    Object.assign(mask, all);
    Object.assign(shown, all);
    Object.assign(backdrop, all);
    contextOf(backdrop).drawImage(onLargerCanvas(image, extension), 0, 0);
    view.resize(all);
    handles.show(extension);
    redraw();
  }

  function redraw() {
    pen.resetTransform();
    pen.clearRect(0, 0, mask.width, mask.height);
    pen.translate(extension.left, extension.top);
    for (const mark of history.marks) drawMark(pen, mark);
    show();
  }

  function show() {
    const context = contextOf(shown);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, shown.width, shown.height);
    context.drawImage(mask, 0, 0);
    fillNew(context, own, extension);
    if (current?.kind === "area") drawArea(context, current.points);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = TINT;
    context.fillRect(0, 0, shown.width, shown.height);
    undo.disabled = !history.canUndo;
    redo.disabled = !history.canRedo;
  }

  /** @param {CanvasRenderingContext2D} context @param {{x: number, y: number}[]} points */
  function drawArea(context, points) {
    context.save();
    context.translate(extension.left, extension.top);
    context.lineWidth = 2 / view.scale;
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x, y);
    context.stroke();
    context.restore();
  }

  /** @param {import("./mask_marks.js").Point} point */
  function begin(point) {
    isLeaving = false;
    cursor = point;
    const erases = tool === "eraser";
    current = tool === "lasso" ? { kind: "area", erases: false, points: [point] }
      : { kind: "stroke", erases, size: size.value, soft: soft.value / 100, points: [] };
    extendBy([point]);
  }

  /** @param {import("./mask_marks.js").Point[]} points */
  function extendBy(points) {
    if (current?.kind !== "stroke" && current?.kind !== "area") return;
    const from = current.points.length;
    current.points.push(...points);
    cursor = points[points.length - 1];
    if (current.kind === "stroke") drawStroke(pen, current, from);
    show();
    place();
  }

  /** @param {boolean} counts Whether what was drawn stays. */
  function end(counts) {
    const made = current;
    current = null;
    isDown = false;
    if (made && counts) history.add(made);
    redraw();
    if (made && counts) say(made.kind === "area" ? "Area masked." : made.kind === "stroke" && made.erases ? "Erased." : "Painted.");
  }

  /** @param {"fill" | "clear" | "invert"} kind @param {string} words */
  function whole(kind, words) {
    history.add({ kind });
    redraw();
    say(words);
  }

  function back() {
    history.undo();
    redraw();
    say("Undone.");
  }

  function forth() {
    history.redo();
    redraw();
    say("Done again.");
  }

  /** Where an event is on the image. @param {PointerEvent} event */
  function pointOf(event) {
    const box = shown.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * shown.width - extension.left,
      y: ((event.clientY - box.top) / box.height) * shown.height - extension.top,
      weight: event.pointerType === "pen" ? Math.max(0.1, event.pressure) : 1,
    };
  }

  /** Shows the brush where it is. */
  function place() {
    const across = size.value * view.scale;
    ring.style.width = ring.style.height = `${across}px`;
    ring.style.left = `${(cursor.x + extension.left) * view.scale - across / 2}px`;
    ring.style.top = `${(cursor.y + extension.top) * view.scale - across / 2}px`;
    ring.hidden = tool === "lasso" || tool === "move";
  }

  shown.addEventListener("pointerdown", (event) => {
    if (view.takes(event, tool === "move")) return end(false);
    if (event.button !== 0) return;
    event.preventDefault();
    if (isDown) end(true);
    shown.focus({ preventScroll: true });
    shown.setPointerCapture(event.pointerId);
    begin(pointOf(event));
  });
  shown.addEventListener("pointermove", (event) => {
    if (view.moves(event)) return;
    if (!current || isDown) {
      if (!isDown) cursor = pointOf(event);
      return place();
    }
    const events = event.getCoalescedEvents?.() ?? [];
    extendBy((events.length > 0 ? events : [event]).map(pointOf));
  });
  shown.addEventListener("pointerup", (event) => {
    if (!view.ends(event) && current && !isDown) end(true);
  });
  shown.addEventListener("pointercancel", (event) => {
    view.ends(event);
    if (current) end(false);
  });

  /** What the arrow keys move the brush by. @type {Record<string, [number, number]>} */
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  /** @param {KeyboardEvent} event */
  function onCanvas(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = Math.max(1, size.value / 4) * (event.shiftKey ? 5 : 1);
      const inside = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) => Math.min(most, Math.max(least, value));
      const point = {
        x: inside(cursor.x + arrow[0] * step, -extension.left, shown.width - extension.left),
        y: inside(cursor.y + arrow[1] * step, -extension.top, shown.height - extension.top),
        weight: 1,
      };
      if (isDown) extendBy([point]);
      cursor = point;
      place();
      ring.scrollIntoView({ block: "nearest", inline: "nearest" });
      say(`${Math.round(cursor.x)}, ${Math.round(cursor.y)}${isDown ? ", painting" : ""}`);
    } else if (event.key === " ") {
      if (tool === "move" || isDown) return false;
      begin({ ...cursor, weight: 1 });
      end(true);
    } else if (event.key === "Enter") {
      if (tool === "move") return false;
      if (isDown) return end(true), true;
      begin({ ...cursor, weight: 1 });
      isDown = true;
      say("The brush is down.");
    } else {
      return false;
    }
    return true;
  }

  /** @type {Record<string, () => void>} */
  const KEYS = {
    "[": () => resizeBrush(1 / 1.25), "]": () => resizeBrush(1.25), z: back, Z: forth, y: forth, f: () => whole("fill", "All of it is masked."),
    i: () => whole("invert", "Inverted."), x: () => whole("clear", "Nothing is masked."), Delete: () => whole("clear", "Nothing is masked."),
    "+": () => view.zoom(1.5), "=": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5), 0: () => view.fit(),
    ...Object.fromEntries(TOOLS.map(([name, , key]) => [key, () => choose(name)])),
  };

  /** @param {number} factor */
  function resizeBrush(factor) {
    const now = size.value;
    size.value = Math.round(factor > 1 ? Math.max(now + 1, now * factor) : now * factor);
    place();
    say(`Brush size ${size.value}.`);
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.target === shown && !event.ctrlKey && !event.metaKey && onCanvas(event)) return event.preventDefault();
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    const key = KEYS[event.key];
    if (!key || event.altKey || ((event.ctrlKey || event.metaKey) && !isUndo) || current) return;
    event.preventDefault();
    key();
  });
  // What took time to draw does not go by one key.
  dialog.addEventListener("cancel", (event) => {
    if (isDown || (history.canUndo && !isLeaving)) {
      event.preventDefault();
      if (isDown) return end(true);
      isLeaving = true;
      say("Press Escape once more to leave the mask as it was.");
    }
  });

  /** @type {(result: EditedMask | null) => void} */
  let settle = () => {};
  /** @type {EditedMask | null} */
  let result = null;

  async function finish() {
    if (current) end(true);
    const flat = element("canvas");
    Object.assign(flat, { width: mask.width, height: mask.height });
    const context = contextOf(flat);
    context.fillRect(0, 0, flat.width, flat.height);
    context.fillStyle = "#fff";
    context.drawImage(mask, 0, 0);
    fillNew(context, own, extension);
    if (!isExtended(extension) && isBlack(context)) return say("Nothing is masked yet: paint over what is to change.");
    const larger = isExtended(extension) ? await fileOf(onLargerCanvas(image, extension), "extended.png") : null;
    result = { mask: await fileOf(flat, "mask.png"), image: larger, drawing: { marks: history.marks, extension }, preview: preview(backdrop, shown) };
    dialog.close();
  }

  document.body.append(dialog);
  dialog.showModal();
  resize();
  view.fit();
  place();
  shown.focus();
  if (regions.length > 0 && !drawing) say("What the reviewer marked is masked.");
  return new Promise((resolve) => {
    settle = resolve;
    dialog.addEventListener("close", () => {
      dialog.remove();
      view.stop();
      URL.revokeObjectURL(image.src);
      settle(result);
    });
  });
}
