export { cannotRecord } from "./errors.ts";
export * from "./sqlite-store.ts";
export type * from "./types.ts";
