export { createSnapshotter } from "./create.ts";
export { createRootfsViews } from "./rootfs-view.ts";
export type * from "./types.ts";
