import { connectionsOf, listConnections, loadNative, NETLINK_NETFILTER, NetlinkSocket } from "../../src/sys/index.ts";

/** A /24 of an engine, cut into networks of so many addresses, of which the second is the gateway. */
export interface EngineSubnet {
  /** `10.1.2.` */
  prefix: string;
  size: number;
}

/** What the kernel tracks of containers' addresses in these subnets: a line each. The gateways are the host's own. */
export async function trackedConnections(subnets: readonly EngineSubnet[]): Promise<string[]> {
  using socket = new NetlinkSocket(loadNative(), NETLINK_NETFILTER);
  const isContainer = (address: string) =>
    subnets.some(({ prefix, size }) => address.startsWith(prefix) && Number(address.slice(prefix.length)) % size !== 1);
  return connectionsOf(await socket.request([listConnections(4)])).flatMap(({ original, reply }) => {
    const [from, to, ...back] = [original.source, original.destination, reply.source, reply.destination].map((bytes) =>
      bytes.join("."),
    );
    const isOurs = [from ?? "", to ?? "", ...back].some(isContainer);
    return isOurs ? [`of protocol ${original.protocol} from ${from} to ${to}, back from ${back.join(" to ")}`] : [];
  });
}
