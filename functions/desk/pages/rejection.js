// Who turned an attempt down, and why.

import { element } from "./element.js";

/** @param {import("../types/api").Decision | null | undefined} decision */
export const rejection = (decision) => decision &&
  element("p", {}, "Rejected by ", element("bdi", {}, decision.by), ": ", element("q", { dir: "auto" }, decision.note ?? ""));
