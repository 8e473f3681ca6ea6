export { DEFAULT_POOLS, defaultNetworkConfig, OWN_BRIDGE } from "./config.ts";
export type { NetworkConfig } from "./config.ts";
export { unknownOptions } from "./driver-options.ts";
export { dnsNamesOf } from "./endpoints.ts";
export { endpointExists, hostNetworkConnect, networkNotFound, noneNetworkConnect } from "./errors.ts";
export { createNetworkService } from "./create-service.ts";
export { NetdProcess, type NetdProgram } from "./netd/netd-process.ts";
export type * from "./types.ts";
