// Pictures, large enough to judge: one or all side by side, fitted or pixel by pixel, on the whole screen.

import { button, element, fill } from "./element.js";
import { failed, notice } from "./notices.js";
import { seldom } from "./watch.js";

/** @typedef {import("../types/api").Task} Task */
/** @typedef {import("../types/api").Attempt} Attempt */
/** @typedef {{url: string, thumbnail: string, width: number, height: number, caption: string, name: string}} Shown */

/**
 * The pictures of an attempt.
 * @param {Task} task
 * @param {Attempt} attempt
 * @returns {Shown[]}
 */
export function shownOf(task, attempt) {
  const several = attempt.pictures.length > 1;
  const about = task.title || short(task.attempt.settings.prompt);
  return attempt.pictures.map((picture) => ({
    url: picture.url,
    thumbnail: picture.thumbnail_url,
    width: picture.width,
    height: picture.height,
    caption: [about, `attempt ${attempt.number}`, several && `picture ${picture.index + 1}`, `seed ${picture.seed}`]
      .filter(Boolean).join(", "),
    name: `easel-${task.id}-${attempt.number}-${picture.index}.png`,
  }));
}

const SHORT = 60;

/** @param {string} text */
const short = (text) => (text.length > SHORT ? `${text.slice(0, SHORT)}…` : text);

/** @param {() => void} urlsWanted Called when a picture's URL does not work any more. */
export function pictureViewer(urlsWanted) {
  const stale = seldom(urlsWanted);
  /** @type {Shown[]} */
  let pictures = [];
  /** @type {Shown[]} */
  let others = [];
  let chosen = 0;
  let identity = "";
  let comparing = false;
  let actual = false;

  const stage = element("div", { class: "stage", tabindex: 0, role: "group", "aria-label": "Pictures" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": "Candidates" });
  const compare = button("Compare", () => viewer.compare(), { "aria-pressed": "false" });
  const zoom = button("1:1", () => viewer.zoom(), { "aria-pressed": "false", "aria-label": "Actual size" });
  const screen = button("Full screen", () => viewer.fullScreen());
  const save = button("Download", () => download().catch(failed));
  const tools = element("div", { class: "tools", role: "group", "aria-label": "View" }, compare, zoom, screen, save);
  const node = element("section", { class: "viewer", "aria-label": "Viewer" }, stage, element("div", { class: "under" }, strip, tools));

  /** @param {Shown} shown */
  function figure(shown) {
    const image = element("img", { src: shown.url, width: shown.width, height: shown.height, alt: shown.caption, onerror: stale });
    return element("figure", {}, image, (comparing || others.length > 0) && element("figcaption", {}, shown.caption));
  }

  function draw() {
    stage.className = `stage${actual ? " actual" : ""}${comparing ? " comparing" : ""}`;
    const all = [...pictures, ...others];
    fill(stage, comparing ? all.map(figure) : pictures[chosen] && figure(pictures[chosen]));
    fill(strip, pictures.length > 1 && pictures.map((shown, index) =>
      element("button", { type: "button", "aria-pressed": String(index === chosen), onclick: () => viewer.choose(index) },
        element("img", { src: shown.thumbnail, width: 56, height: 56, alt: `Picture ${index + 1}`, onerror: stale }))));
    compare.hidden = all.length < 2;
    compare.setAttribute("aria-pressed", String(comparing));
    zoom.setAttribute("aria-pressed", String(actual));
    tools.hidden = all.length === 0;
  }

  async function download() {
    const shown = pictures[chosen];
    const response = await fetch(shown.url);
    if (!response.ok) {
      stale();
      throw new Error("the picture could not be fetched: try again");
    }
    const address = URL.createObjectURL(await response.blob());
    element("a", { href: address, download: shown.name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    notice(`Downloaded ${shown.name}.`);
  }

  const viewer = {
    node,

    /**
     * Shows pictures; the same ones again stay as they are, because only their URLs are new.
     * @param {string} key What tells these from others.
     * @param {Shown[]} now
     * @param {Shown[]} [beside] What else can be compared with them.
     */
    show(key, now, beside = []) {
      if (key === identity) return;
      identity = key;
      [pictures, others, chosen, comparing] = [now, beside, 0, false];
      draw();
    },

    /**
     * Shows something else: a preview, or words.
     * @param {string} key
     * @param {Node} content
     */
    showOther(key, content) {
      if (key === identity) return;
      identity = key;
      [pictures, others, comparing] = [[], [], false];
      draw();
      fill(stage, content);
    },

    /** Loads the same pictures from new URLs. */
    forget() {
      identity = "";
    },

    compare() {
      if (pictures.length + others.length < 2) return;
      comparing = !comparing;
      draw();
    },

    zoom() {
      actual = !actual;
      draw();
    },

    /** @param {number} index */
    choose(index) {
      if (index >= pictures.length) return;
      chosen = index;
      comparing = false;
      draw();
    },

    fullScreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else node.requestFullscreen().catch(failed);
    },
  };
  draw();
  return viewer;
}
