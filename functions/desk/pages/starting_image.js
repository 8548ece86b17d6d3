// The area for an image from the person's own files: to start from, or to take the settings from.

import { call } from "./api.js";
import { button, element, fill } from "./element.js";
import { droppedFile } from "./image_files.js";
import { settingsIn } from "./image_settings.js";
import { maskPart } from "./mask_part.js";
import { failed, notice } from "./notices.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const MOST_BYTES = 20 * 1024 * 1024;

/** A file, or an image that the service has. @typedef {File | {key: string, name: string, url?: string, regions?: any[], reason?: string}} Chosen */

/**
 * Why a file cannot be used; null if it can.
 * @param {File} file
 */
export function unusable(file) {
  if (!TYPES.includes(file.type)) return `${file.name} isn't a PNG, JPEG or WebP image.`;
  if (file.size > MOST_BYTES) return `${file.name} is larger than 20 MiB. Make it smaller first.`;
  return null;
}

/**
 * Uploads it to where the API says; returns its key.
 * @param {File} file
 * @returns {Promise<string>}
 */
async function upload(file) {
  const { body } = await call("POST", "/v1/uploads", { body: { content_type: file.type, content_length: file.size } });
  // The browser sets the length itself.
  const { "content-length": _, ...headers } = body.headers;
  const response = await fetch(body.url, { method: body.method, headers, body: file }).catch(() => null);
  if (!response?.ok) throw new Error(`“${file.name}” could not be uploaded${response ? ` (${response.status})` : ""}. Try again.`);
  return body.key;
}

/** Keys of files that were uploaded: under another key, a repeated request would be another one. @type {WeakMap<File, Promise<string>>} */
const uploads = new WeakMap();

/**
 * The key of a file, uploaded if it is not yet.
 * @param {File} file
 * @returns {Promise<string>}
 */
export function keyOf(file) {
  const before = uploads.get(file);
  if (before) return before;
  const key = upload(file);
  uploads.set(file, key);
  key.catch(() => uploads.delete(file));
  return key;
}

/**
 * @param {object} options
 * @param {number} options.mostSide The longest side that the service draws.
 * @param {string[]} options.names The settings that the form has.
 * @param {(settings: Record<string, any>, unused: string[]) => void} options.loaded Called with the settings of a file that has some,
 *   and what else it says.
 * @param {(there: boolean) => void} options.changed Called as a file to start from is chosen or removed.
 * @param {AbortSignal} options.signal Ends listening to the page.
 */
export function startingImage({ mostSide, names, loaded, changed, signal }) {
  /** @type {Chosen | null} */
  let chosen = null;
  let preview = "";
  const mask = maskPart(mostSide, () => {});

  const input = element("input", { type: "file", id: "file", accept: TYPES.join(), onchange: () => input.files?.[0] && take(input.files[0]) });
  const about = element("div", { class: "dropped" });
  const node = element("div", { class: "drop" },
    element("label", { for: "file" }, "Start from an image or reuse its settings: drop, paste or choose a file"), input, about, mask.node);

  /** @param {File | undefined} file */
  async function take(file) {
    if (!file) return;
    const reason = unusable(file);
    if (reason) return notice(reason, { kind: "wrong" });
    const found = await settingsIn(file, names);
    if (found) {
      loaded(found.settings, found.unused);
      choose(null);
      fill(about, element("p", {}, "Settings loaded from ", element("bdi", {}, file.name), "."),
        button("Use it as the starting image instead", () => choose(file)));
      notice(`Settings loaded from ${file.name}.`);
    } else {
      choose(file);
    }
    input.value = "";
  }

  /** @param {Chosen | null} file */
  function choose(file) {
    chosen = file;
    changed(file !== null);
    URL.revokeObjectURL(preview);
    preview = "";
    if (!file) {
      mask.startFrom(null);
      return fill(about);
    }
    if (file instanceof File) preview = URL.createObjectURL(file);
    const source = file instanceof File ? file : file.url;
    const said = file instanceof File ? {} : { regions: file.regions, reason: file.reason };
    mask.startFrom(source ? { source, ...said } : null);
    const url = file instanceof File ? preview : file.url;
    fill(about, url && element("img", { src: url, alt: "", width: 72, height: 72 }),
      element("p", {}, "Starting image: ", element("bdi", {}, file.name)), button("Remove", () => choose(null)));
  }

  document.addEventListener("dragover", (event) => event.preventDefault(), { signal });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    droppedFile(event).then(take).catch(failed);
  }, { signal });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]).catch(failed), { signal });
  signal.addEventListener("abort", () => URL.revokeObjectURL(preview));

  return {
    node,

    /** Starts from this, or from nothing. */
    start: choose,

    /** Opens the editor. */
    paint: mask.edit,

    /** Whether the attempt before had a mask. */
    keepMask: mask.keep,

    /** The keys of the starting image and its mask, uploaded if they are not yet; undefined stays as it was. */
    async read() {
      const key = chosen instanceof File ? await keyOf(chosen) : chosen?.key;
      return { init_image: key, ...(await mask.read(keyOf)) };
    },
  };
}
