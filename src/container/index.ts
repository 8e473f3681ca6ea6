export { ALL_CAPABILITIES } from "./capabilities.ts";
export { createContainerService } from "./container-service.ts";
export type * from "./types.ts";
