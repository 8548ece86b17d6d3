// What the API answers, as far as the desk reads it; functions/core/openapi.json has all of it.

export interface Identity { name: string; role: "creator" | "reviewer" | "admin" | "worker" }

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { field: string; message: string }[];
  task_status?: string;
  legal_moves?: string[];
}

export interface Settings {
  prompt: string;
  negative_prompt?: string;
  width?: number;
  height?: number;
  steps?: number;
  guidance_scale?: number;
  guidance_interval?: [number, number];
  scheduler?: string;
  /** Text: it has 64 bits. */
  seed: string;
  count: number;
  use_refiner?: boolean;
  high_noise_frac?: number;
  init_image?: string;
  strength?: number;
}

export interface Picture {
  index: number;
  url: string;
  thumbnail_url: string;
  width: number;
  height: number;
  bytes: number;
  seed: string;
  sha256: string;
}

export interface Generation {
  model: string;
  device: string;
  device_name: string;
  precision: string;
  width: number;
  height: number;
  steps: number;
  guidance_scale: number;
  scheduler: string;
  refined: boolean;
  queue_seconds: number;
  drawing_seconds: number;
  step_seconds: number;
  dollars_per_picture?: number;
  warnings?: string[];
}

export interface Decision { by: string; at: string; note?: string }

export interface Attempt {
  number: number;
  settings: Settings;
  requested_at: string;
  pictures: Picture[];
  generation?: Generation | null;
  rejection?: Decision | null;
  failure?: { at: string; reason: string } | null;
}

export interface Progress {
  step: number;
  total: number;
  stage: string;
  remaining_seconds?: number | null;
  at: string;
  preview?: string | null;
}

export interface Task {
  id: string;
  version: number;
  status: string;
  owner: string;
  title?: string | null;
  tags: string[];
  metadata: Record<string, string>;
  source?: string | null;
  created_at: string;
  updated_at: string;
  next_moves: string[];
  progress?: Progress | null;
  attempt: Attempt;
  earlier_attempts: Attempt[];
  approval?: Decision | null;
  publication?: { by: string; at: string; keys: string[] } | null;
  cancellation?: Decision | null;
  deletion?: { by: string; at: string; after: string } | null;
}

export interface TaskPage { tasks: Task[]; next_cursor?: string | null }

export interface TaskEvent {
  version: number;
  at: string;
  by: Identity;
  change: string;
  from?: string | null;
  to: string;
  reason?: string | null;
  details: Record<string, any>;
}

export interface Health {
  sdxl_available: boolean;
  device?: string | null;
  base_model_loaded: boolean;
  refiner_model_loaded: boolean;
  refinement_enabled: boolean;
  backend?: string | null;
  device_name?: string | null;
  compute_capability?: string | null;
  precision?: string | null;
  fallback_reason?: string | null;
  model?: string | null;
  version: string;
  reported_at?: string | null;
  report_age_seconds?: number | null;
}

export interface Spread { median: number; p95: number }

export interface Metrics {
  tasks: Record<string, number>;
  drawn: {
    tasks: number;
    step_seconds?: Spread | null;
    picture_seconds?: Spread | null;
    queue_seconds?: Spread | null;
    dollars_per_picture?: Spread | null;
  };
}

export interface Configuration {
  sign_in:
    | { kind: "link" }
    | { kind: "oidc"; issuer: string; client_id: string; scope: string };
  published_url: string | null;
  version: string;
}
