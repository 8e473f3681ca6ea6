export { createContainerService } from "./container-service.ts";
export type * from "./types.ts";
