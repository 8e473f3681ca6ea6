export { createRegistryClient } from "./client.ts";
export { isTransient, RegistryError } from "./errors.ts";
export { MAX_MANIFEST } from "./repository.ts";
export type * from "./types.ts";
