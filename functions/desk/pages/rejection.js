// Who rejected an attempt, and why.

import { element } from "./element.js";

/** @param {import("../types/desk").Note | null | undefined} decision */
export const rejection = (decision) => decision &&
  element("p", {}, "Rejected by ", element("bdi", {}, decision.by), ": ", element("q", { dir: "auto" }, decision.note ?? ""));
