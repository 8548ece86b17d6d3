// The part of the form that makes an order of many images: one for each value of a setting, or each pair of two.

import { element, fill } from "./element.js";
import { MOST_CELLS, canVary, cellsOf, valuesOf } from "./grid_cells.js";
import { field, select } from "./setting_controls.js";
import { counted, labelOf } from "./words.js";

/** @typedef {import("./request_schema.js").Setting} Setting */

const drawSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0]);

/** @param {Map<string, Setting>} settings */
export function gridForm(settings) {
  const varied = [...settings.values()].filter(canVary);
  const axes = ["X", "Y"].map((letter) => {
    const name = select(`grid-${letter}`, [["", "None"], ...varied.map(({ name }) => /** @type {[string, string]} */ ([name, labelOf(name)]))]);
    const text = element("input", { id: `grid-${letter}-values`, autocomplete: "off", placeholder: "Such as 1-4 or 10, 20, 30", maxlength: 500 });
    return { name, text, node: element("div", { class: "fields" }, field(`${letter} varies`, name), field(`${letter} values`, text)) };
  });
  const count = element("p", { class: "hint", role: "status" });
  const node = element("details", { oninput: draw }, element("summary", {}, "Grid of two settings (X/Y)"), element("div", { class: "settings" },
    axes.map(({ node }) => node), element("small", {}, `Comma-separated; 1-4 is 1, 2, 3, 4; of seeds, x4 is four at random. At most ${MOST_CELLS} tasks.`), count));

  /** The axes that have values. */
  function chosen() {
    const [across, down] = axes.map(({ name, text }) => {
      const setting = settings.get(name.value);
      if (!setting || !node.open) return null;
      const values = valuesOf({ setting, text: text.value }, drawSeed);
      if (values.length === 0) throw new Error(`${labelOf(setting.name)}: type the values, separated by commas`);
      return { name: setting.name, values };
    });
    if (across && down?.name === across.name) throw new Error("X and Y vary the same setting: choose another for one of them");
    return across ? { across, down } : down ? { across: down, down: null } : null;
  }

  function draw() {
    try {
      const grid = chosen();
      const cells = grid ? grid.across.values.length * (grid.down?.values.length ?? 1) : 0;
      fill(count, !grid ? "" : `${grid.across.values.length} × ${grid.down?.values.length ?? 1}: ${counted(cells, "task")}${cells > MOST_CELLS ? `, which is more than ${MOST_CELLS}` : ""}`);
    } catch (error) {
      fill(count, error instanceof Error ? error.message : String(error));
    }
  }

  return {
    node,
    isWanted: () => node.open && axes.some(({ name }) => name.value),

    /**
     * The requests of the grid; its tag names it.
     * @param {Record<string, any>} values
     * @param {string} tag
     */
    cells(values, tag) {
      const grid = chosen();
      if (!grid) throw new Error("choose what the grid varies");
      // Images are compared with the same noise, unless the noise is what varies.
      const common = { ...values, seed: values.seed ?? drawSeed() };
      const cells = cellsOf(common, grid.across, grid.down, tag);
      if (cells.length > MOST_CELLS) throw new Error(`the grid has ${cells.length} tasks: ask for at most ${MOST_CELLS}`);
      return cells;
    },
  };
}
