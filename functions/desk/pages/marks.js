// Points and boxes on an image: those that are there, and one that somebody draws by mouse, touch or keyboard.

const SVG = "http://www.w3.org/2000/svg";
/** A drag shorter than this, as a fraction of the image, is a point. */
const POINT = 0.01;
const STEP = 0.02;
const SMALL_STEP = 0.004;

/** @typedef {import("../types/desk").Area} Area */
/** @typedef {{image: number, region: Area, label: string, settled?: boolean, flaw?: boolean}} Mark */

/**
 * @param {string} name
 * @param {Record<string, string | number>} properties
 * @param {...(Node | string)} children
 */
function drawn(name, properties, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/**
 * A layer of marks that lies on an image and is fitted as the image is.
 * @param {number} width The image's, in pixels.
 * @param {number} height
 * @param {number} [scale] How much larger points and labels are than on an image in full.
 */
export function marksLayer(width, height, scale = 1) {
  const layer = /** @type {SVGSVGElement} */ (drawn("svg", { class: "marks", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }));
  const size = Math.max(width, height) * scale;

  /** @param {Mark} mark */
  function shape({ region, label, settled = false, flaw = false }) {
    const [x, y] = [region.x * width, region.y * height];
    const isBox = typeof region.width === "number" && typeof region.height === "number";
    const outline = isBox
      ? drawn("rect", { x, y, width: (region.width ?? 0) * width, height: (region.height ?? 0) * height })
      : drawn("circle", { cx: x, cy: y, r: size * 0.012 });
    // Beside its place, and within the image.
    const [left, top] = [Math.min(x + size * 0.015, width - size * 0.04), Math.max(y - size * 0.012, size * 0.035)];
    const text = drawn("text", { x: left, y: top, "font-size": size * 0.035 }, label);
    return drawn("g", { class: `mark${settled ? " settled" : ""}${flaw ? " flaw" : ""}` }, outline, text);
  }

  return {
    node: layer,

    /** @param {Mark[]} marks */
    show(marks) {
      layer.replaceChildren(...marks.map(shape));
    },

    /**
     * Lets somebody draw a point or a box; null if they leave it.
     * @returns {Promise<Area | null>}
     */
    draw() {
      const before = [...layer.childNodes];
      layer.classList.add("drawing");
      layer.removeAttribute("aria-hidden");
      layer.setAttribute("tabindex", "0");
      layer.setAttribute("role", "application");
      layer.setAttribute("aria-label", "Mark a place: drag over it, or move with the arrow keys, press Enter at one corner and at the other. Escape cancels.");
      layer.focus();
      const stopped = new AbortController();
      return new Promise((resolve) => {
        let at = { x: 0.5, y: 0.5 };
        /** @type {{x: number, y: number} | null} */
        let from = null;
        /** @param {Area | null} area */
        const end = (area) => {
          stopped.abort();
          layer.classList.remove("drawing");
          layer.setAttribute("aria-hidden", "true");
          for (const name of ["tabindex", "role", "aria-label"]) layer.removeAttribute(name);
          layer.replaceChildren(...before);
          resolve(area);
        };
        const show = () => layer.replaceChildren(...before, shape({ image: 0, region: areaBetween(from ?? at, at), label: "" }));
        /** @param {PointerEvent} event */
        const place = (event) => {
          const matrix = layer.getScreenCTM()?.inverse();
          const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
          at = { x: within(point.x / width), y: within(point.y / height) };
        };
        const { signal } = stopped;
        layer.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          layer.setPointerCapture(event.pointerId);
          place(event);
          from = at;
          show();
        }, { signal });
        layer.addEventListener("pointermove", (event) => {
          if (!from || !layer.hasPointerCapture(event.pointerId)) return;
          place(event);
          show();
        }, { signal });
        layer.addEventListener("pointerup", (event) => {
          if (!from) return;
          place(event);
          end(areaBetween(from, at));
        }, { signal });
        layer.addEventListener("pointercancel", () => end(null), { signal });
        layer.addEventListener("keydown", (event) => {
          const step = event.shiftKey ? SMALL_STEP : STEP;
          const moves = /** @type {Record<string, [number, number]>} */ ({
            ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
          });
          const move = moves[event.key];
          if (!move && event.key !== "Enter" && event.key !== "Escape") return;
          // These keys mean something else on the page.
          event.preventDefault();
          event.stopPropagation();
          if (event.key === "Escape") end(null);
          else if (move) at = { x: within(at.x + move[0]), y: within(at.y + move[1]) };
          else if (from) return end(areaBetween(from, at));
          else from = at;
          if (event.key !== "Escape") show();
        }, { signal });
        layer.addEventListener("blur", () => end(null), { signal });
        show();
      });
    },
  };
}

/** @param {number} fraction */
const within = (fraction) => Math.min(1, Math.max(0, fraction));

/** @param {number} fraction */
const rounded = (fraction) => Math.round(fraction * 10_000) / 10_000;

/**
 * The box between two corners, or a point if they are one place.
 * @param {{x: number, y: number}} one
 * @param {{x: number, y: number}} other
 * @returns {Area}
 */
export function areaBetween(one, other) {
  const [left, top] = [rounded(Math.min(one.x, other.x)), rounded(Math.min(one.y, other.y))];
  const [width, height] = [rounded(Math.abs(one.x - other.x)), rounded(Math.abs(one.y - other.y))];
  return width < POINT || height < POINT ? { x: rounded(one.x), y: rounded(one.y) } : { x: left, y: top, width, height };
}
