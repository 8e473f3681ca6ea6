export * from "./sqlite-store.ts";
export type * from "./types.ts";
