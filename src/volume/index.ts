export { createVolumeService } from "./service.ts";
export type * from "./types.ts";
