/** A member's values that are tried beside those of a wrong type, which follow from its declared type. */
export interface FieldRow {
  /** Set alone: what is valid, and what is just outside. */
  values: readonly unknown[];
  /** Set together with other members of the same shape, which contradict it or give it meaning. */
  together?: ReadonlyArray<Record<string, unknown>>;
  /** Members of the shape with which a container is started: what its command prints and how it ends is compared. */
  runs?: readonly Run[];
}

export interface Run {
  set: Record<string, unknown>;
  /** A shell script; without one nothing but the start is of interest. */
  script?: string;
}

/** Rows by shape and member: `HostConfig` → `Memory` → row. */
export type FieldTable = Readonly<Record<string, Readonly<Record<string, FieldRow>>>>;

/** One create request, and what its container is to do. */
export interface CreateAttempt {
  /** Unique among all, and the same in every run: shape, member and what is set. */
  key: string;
  body: Record<string, unknown>;
  start: boolean;
}

/** What is compared of an attempt. */
export interface CreateOutcome {
  status: number;
  message?: string;
  warnings?: readonly string[];
  /** Members of inspect that differ from those of a container of which nothing was asked, by path. */
  inspect?: Record<string, unknown>;
  start?: StartOutcome;
}

export interface StartOutcome {
  status: number;
  message?: string;
  exit?: number;
  output?: string;
}

/** What a request finds: no container of its own, or one in a state; `logged` has ended after it wrote lines and a file. */
export type World = "none" | "created" | "running" | "exited" | "logged" | "paused";

/** One request. `{id}` stands for the container's id, `{exec}` for one of a command in it that was not started. */
export interface OperationAttempt {
  world: World;
  method: string;
  path: string;
  body?: Record<string, unknown>;
  bytes?: Buffer;
  /** Leaves the container as it found it, so that others can use it too. */
  shared?: true;
}

export interface OperationOutcome {
  status: number;
  message?: string;
  value?: unknown;
  /** Members of inspect that became different. */
  inspect?: Record<string, unknown>;
  /** In the order of the alphabet: which of an exit's events comes first is chance. */
  events?: readonly string[];
}
