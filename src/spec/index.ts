export type * from "./image.ts";
export type * from "./runtime.ts";
