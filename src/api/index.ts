export * from "./backends/index.ts";
export type * from "./generated/types.ts";
