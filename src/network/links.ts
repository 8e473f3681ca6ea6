/** The host's side of bridges and veths: what the kernel holds for the records. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { randomBytes, randomInt } from "node:crypto";
import type { EndpointSettings } from "../api/index.ts";
import { crashPoint, errnoOf } from "../base/index.ts";
import {
  addAddress,
  addBridge,
  addressesOf,
  addVeth,
  deleteAddress,
  deleteDefaultRoute,
  deleteLink,
  getLink,
  linksOf,
  listAddresses,
  listLinks,
  listRoutes,
  NETLINK_ROUTE,
  NetlinkError,
  NetlinkSocket,
  routesOf,
  setDefaultRoute,
  setHairpin,
  setLink,
  setNeighbour,
} from "../sys/index.ts";
import type { Link, Native, Request } from "../sys/index.ts";
import { addressBytes, addressOfBytes, parseMac, subnetOf } from "./address.ts";
import type { Address, InterfaceAddress, Subnet } from "./address.ts";
import { applySysctls } from "./driver-options.ts";

/** A bridge as it should be. */
export interface BridgePlan {
  addresses: readonly InterfaceAddress[];
  /** Addresses that it may have of former times. */
  former: readonly InterfaceAddress[];
  mtu: number;
  /** The user's own stays as it is. */
  keepsMtu: boolean;
}

export interface VethPlan {
  bridge: string;
  hostInterface: string;
  containerInterface: string;
  mtu: number;
  mac: string;
  addresses: InterfaceAddress[];
  /** Those beside them for that one link. */
  linkLocal: InterfaceAddress[];
  /** Settings of the interface in the container. */
  asked: EndpointSettings;
  /** Default routes to set, of this endpoint's network. */
  gateways: Address[];
}

/**
 * Indexes of veths, far from those that the kernel counts up: even ones on the host, the next one in the container.
 * Equal ones would tell tools that the device has no other end.
 */
const FIRST_PAIR = 5_000;
const LAST_PAIR = 5_000_000;
const MAX_ATTEMPTS = 5;

/** Links of the host, by rtnetlink in the daemon's own namespace. */
export class Links implements Disposable {
  readonly #native: Native;
  readonly #route: NetlinkSocket;
  readonly #bridges = new Map<string, number>();

  constructor(native: Native) {
    this.#native = native;
    this.#route = new NetlinkSocket(native, NETLINK_ROUTE);
  }

  [Symbol.dispose](): void {
    this.#route[Symbol.dispose]();
  }

  async all(): Promise<Link[]> {
    return linksOf(await this.#route.request([listLinks()]));
  }

  /** Subnets that the host routes somewhere, those of `except` left out. */
  async routedSubnets(except: readonly string[]): Promise<Subnet[]> {
    const links = await this.all();
    const own = new Set(links.filter((link) => except.includes(link.name)).map((link) => link.index));
    return routesOf(await this.#route.request([listRoutes()]))
      .filter((route) => route.index === undefined || !own.has(route.index))
      .filter((route) => route.prefix > 0)
      .map((route) => subnetOf(addressOfBytes(route.destination), route.prefix));
  }

  /**
   * Makes the bridge as it should be: up, with these addresses, without those of `former`, and with whatever addresses
   * somebody else has given it.
   * @returns its index.
   */
  async ensureBridge(name: string, { addresses, former, mtu, keepsMtu }: BridgePlan): Promise<number> {
    const index = (await this.indexOf(name)) ?? (await this.#makeBridge(name, mtu));
    const gone = new Set(former.map((item) => keyOf(addressBytes(item.address), item.prefix)));
    const surplus = (await this.#addressesOf(index)).filter((item) => gone.has(keyOf(item.address, item.prefix)));
    await this.#route.request([
      ...surplus.map((item) => deleteAddress(item.index, item.address, item.prefix)),
      ...(keepsMtu ? [] : [setLink(index, { mtu })]),
      ...addresses.map((item) => addAddress(index, addressBytes(item.address), item.prefix)),
      setLink(index, { up: true }),
    ]);
    this.#bridges.set(name, index);
    return index;
  }

  /** What addresses a bridge has, link-local ones left out; undefined when it is not there. */
  async bridgeAddresses(name: string): Promise<InterfaceAddress[] | undefined> {
    const index = await this.indexOf(name);
    if (index === undefined) return undefined;
    // A link-local IPv6 address is the kernel's own.
    return (await this.#addressesOf(index))
      .filter(({ address }) => !isLinkLocal(address))
      .map(({ address, prefix }) => ({ address: addressOfBytes(address), prefix }));
  }

  async #addressesOf(index: number) {
    return addressesOf(await this.#route.request([listAddresses()])).filter((item) => item.index === index);
  }

  async #makeBridge(name: string, mtu: number): Promise<number> {
    await this.#route.request([addBridge(name, randomMac(), mtu)]);
    crashPoint("network-bridge:made");
    const index = await this.indexOf(name);
    if (index === undefined) throw new Error(`bridge ${name} vanished while it was made`);
    return index;
  }

  async indexOf(name: string): Promise<number | undefined> {
    try {
      return linksOf(await this.#route.request([getLink(name)]))[0]?.index;
    } catch (error) {
      if (errnoOf(error) === "ENODEV") return undefined;
      throw error;
    }
  }

  /** True once a bridge that was made is gone, or another one has its name. */
  async isLost(bridge: string): Promise<boolean> {
    const index = await this.indexOf(bridge);
    const known = this.#bridges.get(bridge);
    return known !== undefined && index !== known;
  }

  /** Plugs a host's end that stands into its bridge again. One that is gone with its container is fine. */
  async replug({ bridge, hostInterface, addresses, mac }: Omit<VethPlan, "gateways">): Promise<void> {
    const index = this.#bridges.get(bridge);
    if (index === undefined) return;
    const bytes = parseMac(mac) ?? Buffer.alloc(6);
    const requests = [
      setLink(hostInterface, { master: index, up: true }),
      setHairpin(hostInterface),
      ...addresses.map((item) => setNeighbour(index, addressBytes(item.address), bytes)),
    ];
    for (const item of requests) await ignoring(this.#route, item, "ENODEV");
  }

  /** Removes a link by name or index; one that is gone already is fine. Waits for the kernel, some 30 ms. */
  async remove(link: string | number): Promise<void> {
    if (typeof link === "string") this.#bridges.delete(link);
    try {
      await this.#route.request([deleteLink(link)]);
    } catch (error) {
      if (errnoOf(error) !== "ENODEV") throw error;
    }
  }

  /** False when no packet has come from the container behind that host's end; one that is gone may have had some. */
  hasSent(hostInterface: string): boolean {
    try {
      return readFileSync(`/sys/class/net/${hostInterface}/statistics/rx_packets`, "latin1").trim() !== "0";
    } catch {
      return true;
    }
  }

  /** True while the link stands. */
  async exists(index: number): Promise<boolean> {
    try {
      return linksOf(await this.#route.request([getLink(index)])).length > 0;
    } catch (error) {
      if (errnoOf(error) === "ENODEV") return false;
      throw error;
    }
  }

  /**
   * Makes the pair and sets both ends up: one datagram on the host, one in the namespace. On failure nothing is left.
   * @param netnsFd the container's network namespace.
   * @returns the index of the host's end.
   */
  async plug(plan: VethPlan, netnsFd: number): Promise<number> {
    const bridge = this.#bridges.get(plan.bridge) ?? (await this.indexOf(plan.bridge));
    if (bridge === undefined) throw new Error(`bridge ${plan.bridge} is missing`);
    for (let attempt = 1; ; attempt++) {
      const index = 2 * randomInt(FIRST_PAIR, LAST_PAIR);
      try {
        await this.#plugAs(index, bridge, plan, netnsFd);
        return index;
      } catch (error) {
        if (!["EBUSY", "EEXIST"].includes(errnoOf(error) ?? "") || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #plugAs(index: number, bridge: number, plan: VethPlan, netnsFd: number): Promise<void> {
    const mac = parseMac(plan.mac) ?? Buffer.alloc(6);
    const peer = { name: plan.containerInterface, index: index + 1, netnsFd, mac };
    try {
      // By name behind the first: if that fails, the index may be another link's.
      await this.#route.request([
        addVeth({ name: plan.hostInterface, index, mtu: plan.mtu, peer }),
        setLink(plan.hostInterface, { noLinkLocal: true }),
        setLink(plan.hostInterface, { master: bridge, up: true }),
        setHairpin(plan.hostInterface),
        ...plan.addresses.map((item) => setNeighbour(bridge, addressBytes(item.address), mac)),
      ]);
      crashPoint("network-plug:made");
      await this.#configure(index + 1, plan, netnsFd);
    } catch (error) {
      const nothingMade = error instanceof NetlinkError && error.what === `add link ${plan.hostInterface}`;
      if (!nothingMade) await this.remove(index);
      throw error;
    }
  }

  async #configure(index: number, plan: VethPlan, netnsFd: number): Promise<void> {
    using inside = new NetlinkSocket(this.#native, NETLINK_ROUTE, netnsFd);
    const addresses = [...plan.addresses, ...plan.linkLocal];
    const hasIpv6 = addresses.some((item) => item.address.family === 6);
    applySysctls(this.#native, netnsFd, plan.containerInterface, plan.asked);
    await inside.request([
      setLink("lo", { up: true }),
      ...(hasIpv6 ? [] : [setLink(index, { noLinkLocal: true })]),
      ...addresses.map((item) => addAddress(index, addressBytes(item.address), item.prefix)),
      setLink(index, { up: true }),
      ...plan.gateways.map((gateway) => setDefaultRoute(addressBytes(gateway), index)),
    ]);
  }

  /** Points the default routes of a namespace at these gateways, reached over that interface; none removes them. */
  async setGateways(netnsFd: number, interfaceName: string | undefined, gateways: readonly Address[]): Promise<void> {
    using inside = new NetlinkSocket(this.#native, NETLINK_ROUTE, netnsFd);
    for (const family of [4, 6] as const) {
      const gateway = gateways.find((address) => address.family === family);
      if (gateway !== undefined && interfaceName !== undefined) {
        const [link] = linksOf(await inside.request([getLink(interfaceName)]));
        if (link !== undefined) await inside.request([setDefaultRoute(addressBytes(gateway), link.index)]);
      } else await ignoring(inside, deleteDefaultRoute(family), "ESRCH", "EINVAL", "EAFNOSUPPORT");
    }
  }
}

async function ignoring(socket: NetlinkSocket, item: Request, ...codes: string[]): Promise<void> {
  try {
    await socket.request([item]);
  } catch (error) {
    if (!codes.includes(errnoOf(error) ?? "")) throw error;
  }
}

/** Runs `work` with the namespace at that path open. */
export async function withNetns<T>(path: string, work: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync(path, "r");
  try {
    return await work(fd);
  } finally {
    closeSync(fd);
  }
}

const keyOf = (address: Uint8Array, prefix: number) => `${Buffer.from(address).toString("hex")}/${prefix}`;
const isLinkLocal = (address: Buffer) => address.length === 16 && address[0] === 0xfe && (address[1] ?? 0) >> 6 === 2;

/** Locally administered, unicast. */
function randomMac(): Buffer {
  const mac = randomBytes(6);
  mac[0] = ((mac[0] ?? 0) & 0xfe) | 0x02;
  return mac;
}
