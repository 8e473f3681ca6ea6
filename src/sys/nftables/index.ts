export * from "./batch.ts";
export * from "./expressions.ts";
export * from "./listing.ts";
