export * from "./containers.ts";
export * from "./exec.ts";
export * from "./images.ts";
export * from "./networks.ts";
export * from "./streams.ts";
export * from "./system.ts";
export * from "./volumes.ts";
