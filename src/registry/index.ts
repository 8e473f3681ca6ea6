export { createRegistryClient } from "./client.ts";
export { isTransient, RegistryError } from "./errors.ts";
export type * from "./types.ts";
