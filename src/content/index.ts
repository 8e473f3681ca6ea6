export * from "./content-store.ts";
export * from "./leases.ts";
export type * from "./types.ts";
