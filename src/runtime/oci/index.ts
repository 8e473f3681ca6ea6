export { OciLauncher } from "./launcher.ts";
export type { MountCalls } from "./rootfs.ts";
