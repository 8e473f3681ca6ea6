export { createSnapshotter } from "./create.ts";
export { createRootfsViews, type RootfsView } from "./rootfs-view.ts";
export type * from "./types.ts";
