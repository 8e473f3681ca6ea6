export * from "./conntrack.ts";
export * from "./route.ts";
export { NetlinkError, NetlinkSocket } from "./socket.ts";
export type { Request } from "./wire.ts";
