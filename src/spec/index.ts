export * from "./capabilities.ts";
export * from "./id-mappings.ts";
export type * from "./image.ts";
export * from "./labels.ts";
export * from "./media-types.ts";
export * from "./platform.ts";
export * from "./platform-specifier.ts";
export * from "./reference.ts";
export type * from "./runtime.ts";
