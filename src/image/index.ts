export { applyChanges } from "./changes.ts";
export { createImageService } from "./service.ts";
export type * from "./types.ts";
