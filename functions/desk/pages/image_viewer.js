// Images, large enough to judge: one alone or all to compare, fitted or at actual size, in full screen.

import { button, element, fill } from "./element.js";
import { draggable, fetchImage, fileName, saveFile } from "./image_files.js";
import { marksLayer } from "./marks.js";
import { failed, notice } from "./notices.js";
import { throttled } from "./watch.js";

/** @typedef {import("../types/desk").Task} Task */
/** @typedef {import("../types/desk").Attempt} Attempt */
/**
 * @typedef {{url: string, thumbnail: string, width: number, height: number, caption: string, name: string,
 *   task: string, index: number}} ShownImage
 */
/** @typedef {ReturnType<typeof imageViewer>} Viewer */

/**
 * The images of an attempt.
 * @param {Task} task
 * @param {Attempt} attempt
 * @returns {ShownImage[]}
 */
export function imagesOf(task, attempt) {
  const several = attempt.images.length > 1;
  const about = task.title || short(task.attempt.settings.prompt);
  return attempt.images.map((image) => ({
    url: image.url,
    thumbnail: image.thumbnail_url,
    width: image.width,
    height: image.height,
    caption: [about, `attempt ${attempt.number}`, several && `image ${image.index + 1}`, `seed ${image.seed}`]
      .filter(Boolean).join(", "),
    name: fileName({ id: task.id, attempt }, image.index),
    task: task.id,
    index: image.index,
  }));
}

const SHORT = 60;

/** @param {string} text */
const short = (text) => (text.length > SHORT ? `${text.slice(0, SHORT)}…` : text);

/** Images that will be looked at next. @type {HTMLImageElement[]} */
let ahead = [];

/** Has the browser load a task's first image before it is looked at. @param {Task} task */
export function loadAhead(task) {
  const [first] = task.attempt.images;
  if (!first || ahead.some(({ src }) => src === first.url)) return;
  ahead = [element("img", { src: first.url, alt: "" }), ...ahead].slice(0, 2);
}

/**
 * @param {() => void} stale Called when an image's URL no longer works.
 * @param {() => void} changed Called when an image in view is there, or cannot be shown.
 */
export function imageViewer(stale, changed) {
  const renewUrls = throttled(stale);
  /** @type {ShownImage[]} */
  let images = [];
  /** @type {ShownImage[]} */
  let others = [];
  let chosen = 0;
  /** Indexes of the images that somebody picked, where they can be picked. @type {Set<number>} */
  let picked = new Set();
  let picks = false;
  let identity = "";
  /** Marks on the images, by what they are. @type {Map<string, import("./marks.js").Mark[]>} */
  const marks = new Map();
  /** The layers of marks on the images in view, by the images' indexes. @type {Map<number, ReturnType<typeof marksLayer>>} */
  let layers = new Map();
  let comparing = false;
  let actual = false;

  const stage = element("div", { class: "stage", tabindex: 0, role: "group", "aria-label": "Images" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": "Candidates" });
  const compare = button("Compare", () => viewer.compare(), { "aria-pressed": "false" });
  const zoom = button("Actual size", () => viewer.zoom(), { "aria-pressed": "false" });
  const screen = button("Full screen", () => viewer.fullScreen());
  const save = button("Download", () => download().catch(failed));
  const tools = element("div", { class: "tools", role: "group", "aria-label": "View" }, compare, zoom, screen, save);
  const node = element("section", { class: "viewer", "aria-label": "Viewer" }, stage, element("div", { class: "under" }, strip, tools));

  /** @param {ShownImage} shown */
  function figure(shown) {
    const image = element("img", { src: shown.url, width: shown.width, height: shown.height, alt: shown.caption, onload: changed });
    const index = images.indexOf(shown);
    const layer = marksLayer(shown.width, shown.height);
    // Only the task's latest images are found by their number.
    if (index >= 0) {
      draggable(image, shown.task, shown.index);
      layers.set(index, layer);
    }
    const made = element("figure", {}, image, layer.node, (comparing || others.length > 0) && element("figcaption", {}, shown.caption));
    image.addEventListener("error", () => {
      fill(made, element("p", { class: "empty" }, "This image could not be loaded. ", button("Try again", stale)));
      changed();
      renewUrls();
    });
    // The one that is chosen in a comparison is shown alone.
    if (comparing && index >= 0) image.addEventListener("click", () => viewer.choose(index));
    return made;
  }

  function draw() {
    stage.className = `stage${actual ? " actual" : ""}${comparing ? " comparing" : ""}`;
    const all = [...images, ...others];
    layers = new Map();
    fill(stage, comparing ? all.map(figure) : images[chosen] && figure(images[chosen]));
    drawMarks();
    fill(strip, images.length > 1 && images.map((shown, index) => element("div", { class: "candidate" },
      element("button", { type: "button", "aria-pressed": String(index === chosen), onclick: () => viewer.choose(index) },
        element("img", { src: shown.thumbnail, width: 56, height: 56, alt: `Image ${index + 1}`, onerror: renewUrls })),
      picks && element("input", {
        type: "checkbox", checked: picked.has(index), "aria-label": `Pick image ${index + 1}`, onchange: () => viewer.pick(index),
      }))));
    compare.hidden = all.length < 2;
    compare.setAttribute("aria-pressed", String(comparing));
    zoom.setAttribute("aria-pressed", String(actual));
    tools.hidden = all.length === 0;
    changed();
  }

  function drawMarks() {
    const all = [...marks.values()].flat();
    for (const [index, layer] of layers) layer.show(all.filter(({ image }) => image === index));
  }

  async function download() {
    const { url, name } = images[chosen];
    try {
      saveFile(await fetchImage(url, name));
    } catch (error) {
      renewUrls();
      throw error;
    }
  }

  const viewer = {
    node,
    /** Where the images are. */
    stage,

    /** Whether every image in view is there to be judged. */
    get isSeen() {
      const shown = [...stage.querySelectorAll("figure")].map((figure) => figure.querySelector("img"));
      return shown.length > 0 && shown.every((image) => image?.complete && image.naturalWidth > 0);
    },

    /**
     * Shows images; the same ones again stay as they are, because only their URLs are new.
     * @param {string} key Identifies these images.
     * @param {ShownImage[]} now
     * @param {ShownImage[]} beside What else can be compared with them.
     * @param {boolean} mayPick Whether some of them can be picked.
     */
    show(key, now, beside, mayPick) {
      if (key === identity) return;
      identity = key;
      [images, others, chosen, comparing, picks, picked] = [now, beside, 0, false, mayPick, new Set()];
      draw();
    },

    /**
     * Shows something else: a preview, or text.
     * @param {string} key
     * @param {Node} content
     */
    showOther(key, content) {
      if (key === identity) return;
      identity = key;
      [images, others, comparing] = [[], [], false];
      draw();
      fill(stage, content);
    },

    /** Loads the same images from new URLs. */
    forget() {
      identity = "";
    },

    compare() {
      if (images.length + others.length < 2) return;
      comparing = !comparing;
      draw();
    },

    zoom() {
      actual = !actual;
      draw();
    },

    /** Which image is in view. */
    get index() {
      return chosen;
    },

    /** How many images there are to pick from. */
    get count() {
      return images.length;
    },

    /** The indexes of the picked images, in order. */
    get picked() {
      return [...picked].sort((one, other) => one - other);
    },

    /** The index of the image in view. */
    get chosen() {
      return chosen;
    },

    /**
     * Shows marks on the images, in the place of those of the same kind.
     * @param {string} kind
     * @param {import("./marks.js").Mark[]} now
     */
    setMarks(kind, now) {
      marks.set(kind, now);
      drawMarks();
    },

    /** Lets somebody mark a place in the image in view; null if they leave it. */
    async mark() {
      if (images.length === 0) return null;
      if (comparing) viewer.choose(chosen);
      const [image, layer] = [chosen, layers.get(chosen)];
      const region = await layer?.draw();
      return region ? { image, region } : null;
    },

    /** Picks an image, the one in view unless another is named, or takes that back. */
    pick(index = chosen) {
      if (!picks || images.length < 2) return;
      if (!picked.delete(index)) picked.add(index);
      const box = strip.querySelectorAll("input")[index];
      if (box) box.checked = picked.has(index);
      changed();
    },

    /** @param {number} index */
    choose(index) {
      if (!(index in images)) return;
      chosen = index;
      comparing = false;
      draw();
    },

    fullScreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else (node.closest(".panel") ?? node).requestFullscreen().catch(failed);
    },
  };
  return viewer;
}
