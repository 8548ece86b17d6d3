// Collections: sets of images, in an order that is changed by dragging or with the arrow keys, downloaded as a ZIP file.

import { Resource, call } from "./api.js";
import { ask } from "./ask.js";
import { downloadImages, recordOf } from "./download_images.js";
import { button, element, fill } from "./element.js";
import { forgetFavourites } from "./favourites.js";
import { failed, notice } from "./notices.js";
import { session } from "./session.js";
import { watch } from "./watch.js";
import { counted } from "./words.js";

/** @typedef {import("../types/desk").WholeCollection} WholeCollection */
/** @typedef {import("../types/desk").CollectedImage} CollectedImage */
/** @typedef {import("../types/desk").CollectionList} CollectionList */
/** @typedef {import("../types/desk").ImageReference} ImageReference */

const PAGE = 100;

/** @type {import("./desk.js").Page} */
export function collectionsPage(main, id) {
  return id ? oneCollection(main, id) : allCollections(main);
}

/** @param {HTMLElement} main */
function allCollections(main) {
  /** @type {Resource<CollectionList>} */
  const list = new Resource("/v1/collections");
  const items = element("ul", { class: "collections", "aria-label": "Collections" });
  fill(main, element("div", { class: "row" }, element("h1", {}, "Collections"), button("New collection", () => void make().catch(failed))), items);

  async function make() {
    const name = await ask({ title: "New collection", label: "Name", action: "Create", required: true });
    if (!name) return;
    const made = (await call("POST", "/v1/collections", { body: { name } })).body;
    location.hash = `#/collections/${made.id}`;
  }

  let drawn = "";
  const watching = watch(async (signal) => {
    await list.load(signal);
    const text = JSON.stringify(list.value);
    if (text === drawn) return false;
    drawn = text;
    fill(items, (list.value?.collections ?? []).map((collection) => element("li", {},
      element("a", { href: `#/collections/${collection.id}`, dir: "auto" }, collection.name), " ",
      element("small", {}, counted(collection.count, "image"),
        collection.shared && [", shared by ", element("bdi", {}, collection.owner)]))));
    return true;
  }, failed);
  return watching.stop;
}

/** @param {CollectedImage} image @returns {ImageReference} */
const referenceOf = ({ task, attempt, image }) => ({ task, attempt, image });

/** @param {ImageReference} image */
const keyOf = ({ task, attempt, image }) => `${task}/${attempt}/${image}`;

/** All images of a collection. @param {string} id @returns {Promise<WholeCollection>} */
async function whole(id) {
  /** @type {WholeCollection} */
  let all = (await call("GET", `/v1/collections/${id}?limit=${PAGE}`)).body;
  while (all.next_cursor) {
    /** @type {WholeCollection} */
    const page = (await call("GET", `/v1/collections/${id}?limit=${PAGE}&cursor=${all.next_cursor}`)).body;
    all = { ...page, images: [...all.images, ...page.images] };
  }
  return all;
}

/** @param {HTMLElement} main @param {string} id */
function oneCollection(main, id) {
  /** @type {WholeCollection | null} */
  let collection = null;
  /** The key of the image that is dragged. */
  let dragged = "";
  const path = `/v1/collections/${encodeURIComponent(id)}`;
  const title = element("h1", { dir: "auto" });
  const about = element("p", { class: "count", role: "status" });
  const actions = element("div", { class: "row", role: "group", "aria-label": "Collection" });
  const list = element("ol", { class: "collected", "aria-label": "Images" });
  fill(main, element("p", {}, element("a", { href: "#/collections" }, "All collections")), title, about, actions, list);

  /** @param {() => Promise<unknown>} action */
  const act = (action) => void action().catch(failed);
  const mayChange = () => collection !== null && (collection.owner === session.identity?.name || (collection.shared && session.reviews));

  async function load() {
    collection = await whole(id);
    draw();
  }

  /** @param {Record<string, any>} body */
  async function change(body) {
    await call("PATCH", path, { body });
    forgetFavourites();
    await load();
  }

  /** Moves an image to the place before another; the page shows it at once. @param {string} key @param {string | null} before */
  function place(key, before) {
    if (!collection || key === before) return;
    const moved = collection.images.find((image) => keyOf(image) === key);
    if (!moved) return;
    const rest = collection.images.filter((image) => image !== moved);
    const at = before === null ? rest.length : rest.findIndex((image) => keyOf(image) === before);
    rest.splice(at < 0 ? rest.length : at, 0, moved);
    const next = rest[rest.indexOf(moved) + 1];
    collection = { ...collection, images: rest };
    draw();
    /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${key}"]`))?.focus();
    act(() => call("PATCH", path, { body: { place: { image: referenceOf(moved), before: next ? referenceOf(next) : undefined } } }));
  }

  /** @param {KeyboardEvent} event @param {number} index */
  function pressed(event, index) {
    const images = collection?.images ?? [];
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!by || !event.altKey || !mayChange()) return;
    event.preventDefault();
    const to = index + by;
    if (to < 0 || to >= images.length) return;
    const before = by < 0 ? images[to] : images[to + 1];
    place(keyOf(images[index]), before ? keyOf(before) : null);
    notice(`Moved to place ${to + 1} of ${images.length}.`);
  }

  async function rename() {
    const name = await ask({ title: "Rename the collection", label: "Name", action: "Rename", required: true });
    if (name) await change({ name });
  }

  async function remove() {
    const sure = await ask({ title: "Remove this collection? Its images stay with their tasks.", action: "Remove" });
    if (sure === null) return;
    await call("DELETE", path);
    location.hash = "#/collections";
  }

  async function* saved() {
    for (const image of (await whole(id)).images) {
      yield { url: image.url, title: image.title || image.settings.prompt, seed: image.seed, record: recordOf(image) };
    }
  }

  function draw() {
    if (!collection) return;
    const { name, images, count, shared } = collection;
    const own = id !== "favourites" && mayChange();
    title.textContent = name;
    document.title = `${name} · Easel`;
    const hidden = count - images.length;
    about.textContent = counted(images.length, "image") + (hidden > 0 ? `, ${hidden} more that are gone or not for you to see` : "")
      + (mayChange() && images.length > 1 ? ". Drag images, or press Alt with an arrow key, to reorder them" : "");
    fill(actions, images.length > 0 && button("Download ZIP", () => act(() => downloadImages(saved(), name)), { class: "primary" }),
      own && button(shared ? "Stop sharing" : "Share with everybody", () => act(() => change({ shared: !shared }))),
      own && button("Rename", () => act(rename)), own && button("Remove collection", () => act(remove), { class: "quiet" }));
    fill(list, images.map((image, index) => item(image, index)));
  }

  /** @param {CollectedImage} image @param {number} index */
  function item(image, index) {
    const key = keyOf(image);
    const name = image.title || image.settings.prompt;
    const changes = mayChange();
    return element("li", {
      draggable: changes ? "true" : null,
      ondragstart: (/** @type {DragEvent} */ event) => {
        dragged = key;
        event.dataTransfer?.setData("text/plain", key);
      },
      ondragover: (/** @type {DragEvent} */ event) => dragged && event.preventDefault(),
      ondrop: (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        if (dragged) place(dragged, key);
        dragged = "";
      },
      ondragend: () => (dragged = ""),
    }, element("a", { href: `#/task/${image.task}`, "data-key": key, onkeydown: (/** @type {KeyboardEvent} */ event) => pressed(event, index),
      "aria-label": `${index + 1} of ${collection?.images.length}: ${name}` },
    element("img", { src: image.thumbnail_url, alt: "", width: 160, height: 160, loading: "lazy", draggable: "false" })),
    element("span", { class: "title", dir: "auto" }, name),
    changes && button("Take out", () => act(() => change({ remove: [referenceOf(image)] })), { class: "quiet", "aria-label": `Take out “${name}”` }));
  }

  load().catch(failed);
  return () => {};
}
