export * from "./atomic-file.ts";
export * from "./crash-points.ts";
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./keyed-lock.ts";
export * from "./log.ts";
export * from "./retries.ts";
export * from "./time.ts";
