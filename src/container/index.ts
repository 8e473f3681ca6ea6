export { CONTAINER_BASE } from "./base-tree.ts";
export { createContainerService } from "./container-service.ts";
export type * from "./types.ts";
