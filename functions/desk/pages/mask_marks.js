// A mask as what was drawn on it, one after the other, so that anything can be undone. Coordinates are the image's pixels.

/** @typedef {{x: number, y: number, weight: number}} Point */
/** @typedef {{kind: "stroke", erases: boolean, size: number, soft: number, points: Point[]}} Stroke */
/** @typedef {{kind: "area", erases: boolean, points: {x: number, y: number}[]}} Area */
/** @typedef {Stroke | Area | {kind: "fill" | "clear" | "invert"}} Mark */

/** @type {Record<"fill" | "clear" | "invert", GlobalCompositeOperation>} */
const WHOLE = { fill: "source-over", clear: "destination-out", invert: "xor" };
/** How far dabs of a soft brush are apart, in its radius. */
const SPACING = 0.25;

/** What was drawn, and what was taken back. @param {Mark[]} before */
export function markHistory(before) {
  let [done, undone] = [[...before], /** @type {Mark[]} */ ([])];
  return {
    get marks() {
      return done;
    },
    get canUndo() {
      return done.length > 0;
    },
    get canRedo() {
      return undone.length > 0;
    },
    /** @param {Mark} mark */
    add(mark) {
      done.push(mark);
      undone = [];
    },
    undo() {
      const last = done.pop();
      if (last) undone.push(last);
    },
    redo() {
      const last = undone.pop();
      if (last) done.push(last);
    },
  };
}

/**
 * Draws a mark. What is masked is opaque white, the rest is transparent.
 * @param {CanvasRenderingContext2D} context Moved to where the image begins.
 * @param {Mark} mark
 */
export function drawMark(context, mark) {
  context.save();
  context.fillStyle = context.strokeStyle = "#fff";
  if (mark.kind === "stroke") {
    drawStroke(context, mark, 0);
  } else if (mark.kind === "area") {
    context.globalCompositeOperation = mark.erases ? "destination-out" : "source-over";
    context.beginPath();
    for (const { x, y } of mark.points) context.lineTo(x, y);
    context.fill();
  } else {
    context.globalCompositeOperation = WHOLE[mark.kind];
    context.resetTransform();
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  }
  context.restore();
}

/**
 * Draws a stroke from one of its points on: what comes before is there already.
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke} stroke
 * @param {number} from
 */
export function drawStroke(context, { erases, size, soft, points }, from) {
  context.save();
  context.globalCompositeOperation = erases ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = "#fff";
  context.lineCap = "round";
  for (let index = from; index < points.length; index += 1) {
    const [start, end] = [points[Math.max(index - 1, 0)], points[index]];
    if (soft > 0) {
      const steps = Math.max(1, Math.ceil(Math.hypot(end.x - start.x, end.y - start.y) / Math.max(1, (size / 2) * SPACING)));
      for (let step = 1; step <= steps; step += 1) {
        const part = step / steps;
        const weight = start.weight + (end.weight - start.weight) * part;
        dab(context, start.x + (end.x - start.x) * part, start.y + (end.y - start.y) * part, (size / 2) * weight, soft);
      }
    } else if (start.x === end.x && start.y === end.y) {
      // A line of no length is not drawn, by the standard.
      disc(context, end.x, end.y, (size / 2) * end.weight);
    } else {
      context.lineWidth = size * end.weight;
      context.beginPath();
      context.moveTo(start.x, start.y);
      context.lineTo(end.x, end.y);
      context.stroke();
    }
  }
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius @param {number} soft */
function dab(context, x, y, radius, soft) {
  const shade = context.createRadialGradient(x, y, radius * (1 - soft), x, y, radius);
  shade.addColorStop(0, "#fff");
  shade.addColorStop(1, "#fff0");
  context.fillStyle = shade;
  disc(context, x, y, radius);
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius */
function disc(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/**
 * Marks around regions that somebody pointed out, in fractions of the image; a point becomes a circle.
 * @param {{x: number, y: number, width?: number, height?: number}[]} regions
 * @param {{width: number, height: number}} image
 * @returns {Mark[]}
 */
export const marksOf = (regions, { width, height }) => regions.map((region) => {
  const [left, top] = [region.x * width, region.y * height];
  if (!region.width || !region.height) {
    return { kind: "stroke", erases: false, size: Math.max(width, height) / 8, soft: 0.5, points: [{ x: left, y: top, weight: 1 }] };
  }
  const [right, bottom] = [left + region.width * width, top + region.height * height];
  const points = [[left, top], [right, top], [right, bottom], [left, bottom]].map(([x, y]) => ({ x, y }));
  return { kind: "area", erases: false, points };
});
