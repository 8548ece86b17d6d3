// Images that guide: control images, each with the model that looks at it, and images that say what to draw.

import { button, element, fill } from "./element.js";
import { notice } from "./notices.js";
import { field, numberFrom, numberInput, select } from "./setting_controls.js";
import { keyOf, unusable } from "./starting_image.js";

/** @typedef {import("./request_schema.js").Setting} Setting */
/** @typedef {import("../types/desk").Offers} Offers */
/** @typedef {Record<string, any>} Values */
/** A file, or the key of one that an attempt before had. @typedef {File | string} Guide */
/** @typedef {{node: HTMLElement, read: () => Promise<any>}} Row */
/** @typedef {import("../types/desk").Offers["controls"]} ControlModels */

/** How a control image is made from an image. @type {Record<string, string>} */
const PREPROCESSORS = {
  canny: "Edges (Canny)", softedge: "Soft edges", lines: "Lines", scribble: "Scribble", blur: "Blur", tile: "Without detail", gray: "Gray",
  recolor: "Lightness", invert: "Negative",
};

/**
 * @param {Map<string, Setting>} settings
 * @param {Offers} offers
 */
export function guideImages(settings, offers) {
  const controls = settings.has("controls") ? controlsPart(/** @type {Setting} */ (settings.get("controls")), offers.controls) : null;
  const prompts = settings.has("image_prompts") ? promptsPart(settings, offers.image_adapters) : null;
  const parts = [controls, prompts].filter((part) => part !== null);
  return {
    node: element("div", { class: "settings" }, parts.map((part) => part.node)),

    /** The settings with the keys of their images, uploaded if they are not yet. @returns {Promise<Values>} */
    async read() {
      return Object.assign({}, ...(await Promise.all(parts.map((part) => part.read()))));
    },

    /** @param {Values} values */
    write(values) {
      for (const part of parts) part.write(values);
    },
  };
}

/**
 * Where files of a kind are dropped or chosen, a row each.
 * @param {{id: string, legend: string, label: string, most: number, seen: boolean, row: (guide: Guide, values: Values) => Row}} options
 */
function guideRows({ id, legend, label, most, seen, row }) {
  /** @type {Row[]} */
  let rows = [];
  const list = element("div", { class: "map" });
  const input = element("input", { type: "file", id, accept: "image/png,image/jpeg,image/webp", multiple: true, onchange: () => {
    take(input.files);
    input.value = "";
  } });
  const node = element("fieldset", { class: "field drop" }, element("legend", {}, legend), list, element("label", { for: id }, label), input);

  /** @param {FileList | undefined | null} files */
  function take(files) {
    for (const file of files ?? []) {
      const reason = rows.length >= most ? `There is room for ${most} images.` : unusable(file);
      if (reason) return notice(reason, { kind: "wrong" });
      add(file, {});
    }
  }

  /** @param {Guide} guide @param {Values} values */
  function add(guide, values) {
    const made = row(guide, values);
    const preview = typeof guide === "string" ? "" : URL.createObjectURL(guide);
    const name = typeof guide === "string" ? "as before" : guide.name;
    const image = preview && element("img", { src: preview, alt: "", width: 72, height: 72, onload: () => URL.revokeObjectURL(preview) });
    const remove = button("Remove", () => {
      rows = rows.filter((other) => other !== made);
      whole.remove();
      update();
      input.focus();
    }, { class: "quiet", "aria-label": `Remove ${name}` });
    const whole = element("div", { class: "dropped" }, image, element("p", {}, element("bdi", {}, name)), made.node, remove);
    rows.push(made);
    list.append(whole);
    update();
  }

  function update() {
    node.hidden = !seen && rows.length === 0;
    input.disabled = rows.length >= most;
  }
  update();
  // What is dropped here is no image to start from.
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    take(event.dataTransfer?.files);
  });

  return {
    node,
    add,
    read: () => Promise.all(rows.map((made) => made.read())),
    clear() {
      rows = [];
      fill(list);
      update();
    },
  };
}

/** @param {Guide} guide */
const keyOfGuide = (guide) => (typeof guide === "string" ? guide : keyOf(guide));

/**
 * What kind of control image one is, of those that the chosen model tells apart.
 * @param {number} count The row's number.
 * @param {string} before
 * @param {ControlModels} offered
 */
function typePart(count, before, offered) {
  const input = element("input", { maxlength: 40, autocomplete: "off", placeholder: "Of a union model", value: before });
  const choice = element("select", { required: true });
  const node = element("div", {});
  /** @type {() => string | undefined} */
  let read = () => undefined;
  return {
    node,
    read: () => read(),
    /** @param {string} model */
    show(model) {
      const kinds = offered.find(({ name }) => name === model)?.kinds;
      const now = read() ?? before;
      const control = kinds?.length ? choice : input;
      input.id = choice.id = "";
      control.id = `control-type-${count}`;
      if (kinds?.length) {
        fill(choice, ["", ...kinds, ...(now && !kinds.includes(now) ? [now] : [])].map((kind) => element("option", { value: kind }, kind || "Choose one")));
      }
      control.value = now;
      // A model for one kind has none to choose.
      fill(node, kinds?.length !== 0 && field("Type", control));
      read = () => (kinds?.length === 0 ? undefined : control.value.trim() || undefined);
    },
  };
}

/** @param {Setting} setting @param {ControlModels} offered */
function controlsPart({ schema }, offered) {
  const parts = schema.items?.properties ?? {};
  let count = 0;
  const rows = guideRows({
    id: "controls", legend: "Control images", label: "Steer the composition: drop or choose an image, or ready edges, depth or a pose", most: schema.maxItems ?? 8,
    seen: offered.length > 0,
    row: (guide, values) => {
      count += 1;
      const names = offered.map(({ name }) => name);
      if (values.model && !names.includes(values.model)) names.push(values.model);
      const model = select(`control-model-${count}`, names.map((name) => [name, name]));
      model.value = values.model ?? names[0] ?? "";
      /** @param {string} name @param {number} preset */
      const number = (name, preset) => numberInput(`control-${name}-${count}`, { ...parts[name], default: preset },
        { step: 0.05, value: values[name] === undefined ? "" : String(values[name]) });
      const [scale, start, end] = [number("scale", 1), number("start", 0), number("end", 1)];
      const kind = typePart(count, values.type ?? "", offered);
      kind.show(model.value);
      model.addEventListener("change", () => kind.show(model.value));
      const made = (parts.preprocess?.enum ?? []).filter((name) => name !== null).map((name) => /** @type {[string, string]} */ ([name, PREPROCESSORS[name] ?? name]));
      const preprocess = select(`control-preprocess-${count}`, [["", "Nothing: it is a control image"], ...made]);
      preprocess.value = values.preprocess ?? "";
      return {
        node: element("div", { class: "fields" }, field("Control model", model), field("Make from the image", preprocess), kind.node,
          field("Scale", scale), field("Start", start), field("End", end)),
        read: async () => ({
          model: model.value, image: await keyOfGuide(guide), scale: numberFrom(scale.value), start: numberFrom(start.value),
          end: numberFrom(end.value), type: kind.read(), preprocess: preprocess.value || undefined,
        }),
      };
    },
  });
  return {
    node: rows.node,
    async read() {
      const controls = await rows.read();
      return { controls: controls.length > 0 ? controls : undefined };
    },
    /** @param {Values} values */
    write({ controls }) {
      rows.clear();
      for (const control of controls ?? []) rows.add(control.image, control);
    },
  };
}

/** @param {Map<string, Setting>} settings @param {{name: string}[]} adapters */
function promptsPart(settings, adapters) {
  const names = adapters.map(({ name }) => name);
  const adapter = select("image_adapter", names.map((name) => [name, name]));
  const scale = numberInput("image_prompt_scale", { ...settings.get("image_prompt_scale")?.schema, default: 1 }, { step: 0.05 });
  const how = element("div", { class: "fields" }, field("Image adapter", adapter), field("Weight of the images", scale));
  const rows = guideRows({
    id: "image_prompts", legend: "Image prompts", label: "Say what to draw by images: drop or choose them", most: settings.get("image_prompts")?.schema.maxItems ?? 16,
    seen: adapters.length > 0,
    row: (guide) => ({ node: element("div"), read: async () => keyOfGuide(guide) }),
  });
  rows.node.append(how);
  return {
    node: rows.node,
    async read() {
      const images = await rows.read();
      if (images.length === 0) return {};
      return { image_prompts: images, image_adapter: adapter.value, image_prompt_scale: numberFrom(scale.value) };
    },
    /** @param {Values} values */
    write({ image_prompts, image_adapter, image_prompt_scale }) {
      rows.clear();
      if (image_adapter && ![...adapter.options].some(({ value }) => value === image_adapter)) adapter.append(element("option", { value: image_adapter }, image_adapter));
      if (image_adapter) adapter.value = image_adapter;
      scale.value = String(image_prompt_scale ?? "");
      for (const image of image_prompts ?? []) rows.add(image, {});
    },
  };
}
