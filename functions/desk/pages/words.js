// How numbers, times and names of the API are shown to people.

/** @type {Record<string, string>} */
const STATUSES = {
  pending: "Queued",
  in_progress: "Generating",
  paused: "Paused",
  awaiting_approval: "Awaiting approval",
  approved: "Approved",
  published: "Published",
  rejected: "Rejected",
  failed: "Failed",
  cancelled: "Cancelled",
  deleted: "Deleted",
};

/** @type {Record<string, string>} */
const CHANGES = {
  create: "requested it",
  claim: "started generating",
  hand_on: "passed it to another worker",
  finish: "finished generating",
  fail: "failed",
  pause: "paused it",
  resume: "resumed it",
  cancel: "cancelled it",
  approve: "approved it",
  reject: "rejected it",
  publish: "published it",
  unpublish: "took it out of publication",
  retry: "requested a retry",
  reopen: "reopened it",
  relabel: "changed its title or tags",
  delete: "deleted it",
};

export const statusNames = Object.entries(STATUSES);

/** @param {string} status */
export const statusName = (status) => STATUSES[status] ?? status;

/** @param {string} change */
export const changeName = (change) => CHANGES[change] ?? change;

/**
 * How many reviewers have approved a task that takes several; nothing of others.
 * @param {import("../types/desk").ListedTask} task
 */
export function approvalsOf({ status, attempt: { approvals, approvals_needed: needed } }) {
  return status === "awaiting_approval" && needed > 1 ? `${approvals.length} of ${needed} approvals` : "";
}

/**
 * What a task is called: its title, else its prompt.
 * @param {import("../types/desk").ListedTask} task
 */
export const titleOf = (task) => task.title || task.attempt.settings.prompt;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * How long ago something was.
 * @param {string} time
 */
export function ago(time) {
  const seconds = Math.round((new Date(time).getTime() - Date.now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

/** @param {string} time */
export const at = (time) => absolute.format(new Date(time));

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return null;
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {number | null | undefined} dollars */
export function money(dollars) {
  if (dollars === null || dollars === undefined) return null;
  return `$${dollars >= 0.1 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}

/** Bytes in the units of disks. @param {number} count */
export const bytes = (count) => (count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(1)} GB`);

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** A number with its ending: 2nd. @param {number} number */
export const ordinal = (number) => `${number}${{ 1: "st", 2: "nd", 3: "rd" }[number % 100 > 10 && number % 100 < 14 ? 0 : number % 10] ?? "th"}`;

/**
 * A setting's name for people: `guidance_rescale` is “Guidance rescale”.
 * @param {string} name
 */
export const labelOf = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

/** @type {Record<string, string>} */
const PRECISIONS = { f32: "32-bit float", bf16: "bfloat16", f16: "16-bit float", int8: "8-bit integers" };
/** @type {Record<string, string>} */
const DEVICES = { cpu: "CPU", cuda: "GPU (CUDA)", vulkan: "GPU (Vulkan)", metal: "GPU (Metal)", flex: "CPU (flex)", ndarray: "CPU (ndarray)", none: "none" };

/** @param {string} name */
export const precisionName = (name) => PRECISIONS[name] ?? name;

/** A kind of device, or what computes on it. @param {string} name */
export const deviceName = (name) => DEVICES[name] ?? name;
