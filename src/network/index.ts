export { DEFAULT_POOLS, defaultNetworkConfig } from "./config.ts";
export type { NetworkConfig } from "./config.ts";
export { createNetworkService } from "./create-service.ts";
export type * from "./types.ts";
