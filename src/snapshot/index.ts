export { createSnapshotter } from "./create.ts";
export { createRootfsViews, readOnlyMount } from "./rootfs-view.ts";
export type * from "./types.ts";
