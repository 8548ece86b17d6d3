// What the desk reads of the API (api.d.ts, made from openapi.json), and its own configuration.

import type { components } from "./api";

type Schemas = components["schemas"];

/** As json.js reads it: a seed is text, because it has 64 bits. */
type Read<Value> = Value extends object
  ? { [Key in keyof Value]: Key extends "seed" | "variation_seed" ? Exclude<Value[Key], number> | string : Read<Value[Key]> }
  : Value;

export type Area = Schemas["Area"];
export type CollectedImage = Read<Schemas["CollectedImage"]>;
export type CollectionList = Schemas["CollectionList"];
export type ImageReference = Schemas["ImageReference"];
export type Queue = Schemas["QueueView"];
export type SavedStyle = Schemas["SavedStyle"];
export type SavedView = Schemas["SavedView"];
export type WholeCollection = Read<Schemas["WholeCollection"]>;
export type Attempt = Read<Schemas["AttemptView"]>;
export type Comment = Schemas["CommentView"];
export type CommentList = Schemas["CommentList"];
export type Health = Schemas["HealthView"];
export type History = Read<Schemas["HistoryView"]>;
export type Identity = Schemas["Identity"];
export type Metrics = Schemas["MetricsView"];
export type IssuedToken = Schemas["IssuedToken"];
export type ModelDefaults = Schemas["ModelDefaults"];
export type Note = Schemas["Decision"];
export type Offers = Schemas["Offers"];
export type Problem = Schemas["Problem"];
export type Progress = Schemas["ProgressView"];
export type Settings = Read<Schemas["Settings"]>;
export type Spread = Schemas["Spread"];
export type Task = Read<Schemas["TaskView"]>;
/** What lists show of a task, and every task has. */
export type ListedTask = Omit<Read<Schemas["TaskSummary"]>, "earlier_attempt_count"> & { earlier_attempt_count?: number };
export type TaskEvent = History["events"][number];
export type TaskPage = Read<Schemas["TaskPage"]>;

/** `/desk/configuration.json`. */
export interface Configuration {
  sign_in:
    | { kind: "link" }
    | { kind: "oidc"; issuer: string; client_id: string; scope: string; links: boolean };
  version: string;
}
