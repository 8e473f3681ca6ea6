export * from "./encode.ts";
export * from "./ops.ts";
