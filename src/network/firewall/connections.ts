import { errnoOf } from "../../base/index.ts";
import { connectionsOf, deleteConnection, IPPROTO_UDP, listConnections } from "../../sys/index.ts";
import type { NetlinkSocket } from "../../sys/index.ts";
import { addressBytes } from "../address.ts";
import type { Address } from "../address.ts";

/**
 * Forgets UDP flows that were redirected to these addresses. A flow keeps the target it began with for as long as its
 * client goes on sending: it would never reach the next container behind the port.
 */
export async function forgetFlows(socket: NetlinkSocket, targets: readonly Address[]): Promise<void> {
  for (const family of [4, 6] as const) {
    const wanted = new Set(
      targets.filter((target) => target.family === family).map((target) => addressBytes(target).toString("hex")),
    );
    if (wanted.size === 0) continue;
    const connections = connectionsOf(await socket.request([listConnections(family)]));
    const stale = connections.filter(
      (item) => item.protocol === IPPROTO_UDP && wanted.has(item.replySource.toString("hex")),
    );
    for (const connection of stale) {
      try {
        await socket.request([deleteConnection(connection)]);
      } catch (error) {
        // It ended by itself meanwhile.
        if (errnoOf(error) !== "ENOENT") throw error;
      }
    }
  }
}
