export { applyChanges } from "./changes.ts";
export { createImageService, type ImageServiceOptions } from "./service.ts";
export type * from "./types.ts";
