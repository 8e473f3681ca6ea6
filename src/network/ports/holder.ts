import { closeSync, readFileSync } from "node:fs";
import { messageOf, errnoOf } from "../../base/index.ts";
import type { EngineError } from "../../base/index.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_SCTP,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_STREAM,
  socketAddress,
  SOL_SOCKET,
} from "../../sys/index.ts";
import type { Native } from "../../sys/index.ts";
import { addressBytes, formatAddress, parseAddress } from "../address.ts";
import type { Address } from "../address.ts";
import { badHostAddress, hostPortTaken, portAllocated, portsAllAllocated, protocolMissing } from "../errors.ts";
import type { PublishedPort } from "../records.ts";
import type { PortRequest } from "./plan.ts";

interface Held {
  port: PublishedPort;
  address: Address;
  fd: number;
  /** The socket listens: bound while old connections were still in TIME_WAIT, or for a relay. */
  listening: boolean;
}

const EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range";
const ONE = Buffer.from([1, 0, 0, 0]);

/**
 * Published ports of the host, each held by a bound socket: another program cannot take one, and a port that is taken
 * refuses the container. Packets do not reach these sockets; the packet filter redirects them first.
 */
export class PortHolder implements Disposable {
  readonly #native: Native;
  readonly #held = new Map<string, Held>();
  readonly #ephemeral: { first: number; last: number };
  #next: number;

  constructor(native: Native) {
    this.#native = native;
    this.#ephemeral = ephemeralRange();
    this.#next = this.#ephemeral.first;
  }

  /**
   * Holds one host port, the same on each address of the request.
   * @param target the container's address, for the error text.
   * @throws conflict with Docker's texts; nothing is held then.
   */
  take(request: PortRequest, target: string): PublishedPort[] {
    if (request.range !== undefined && request.range.first === request.range.last)
      return this.#takeAll(request, request.range.first, target);
    let failure: unknown;
    for (const candidate of this.#candidates(request.range)) {
      try {
        return this.#takeAll(request, candidate, target);
      } catch (error) {
        failure = error;
      }
    }
    throw request.range === undefined || failure === undefined ? portsAllAllocated() : failure;
  }

  *#candidates(range: PortRequest["range"]): Generator<number> {
    if (range !== undefined) {
      for (let port = range.first; port <= range.last; port++) yield port;
      return;
    }
    const { first, last } = this.#ephemeral;
    for (let tried = first; tried <= last; tried++) {
      const port = this.#next;
      this.#next = port >= last ? first : port + 1;
      yield port;
    }
  }

  #takeAll(request: PortRequest, hostPort: number, target: string): PublishedPort[] {
    const taken: PublishedPort[] = [];
    try {
      for (const hostAddress of request.hostAddresses) {
        const port = { protocol: request.protocol, containerPort: request.containerPort, hostAddress, hostPort };
        this.hold(port, target);
        taken.push(port);
      }
      return taken;
    } catch (error) {
      this.release(taken);
      throw error;
    }
  }

  /** Holds exactly that port. @throws conflict. */
  hold(port: PublishedPort, target: string): void {
    const address = parseAddress(port.hostAddress);
    if (address === undefined) throw badHostAddress(port.hostAddress);
    if (this.#conflicts(port, address)) throw portAllocated(port.hostAddress, port.hostPort);
    const { fd, listening } = this.#bind(port, address, target);
    this.#held.set(keyOf(port), { port, address, fd, listening });
  }

  /** The descriptor that holds a port, for a relay to listen on; the holder keeps its own. */
  descriptorOf(port: PublishedPort): number | undefined {
    return this.#held.get(keyOf(port))?.fd;
  }

  #conflicts(port: PublishedPort, address: Address): boolean {
    for (const held of this.#held.values()) {
      const same = held.port.protocol === port.protocol && held.port.hostPort === port.hostPort;
      if (!same || held.address.family !== address.family) continue;
      if (held.address.value === address.value || held.address.value === 0n || address.value === 0n) return true;
    }
    return false;
  }

  #bind(port: PublishedPort, address: Address, target: string): { fd: number; listening: boolean } {
    const where = socketAddress(addressBytes(address), port.hostPort);
    const plain = this.#socket(port, address);
    try {
      this.#native.bind(plain, where);
      return { fd: plain, listening: false };
    } catch (error) {
      closeSync(plain);
      if (errnoOf(error) !== "EADDRINUSE" || port.protocol !== "tcp") throw this.#refusal(port, target, error);
    }
    // Connections in TIME_WAIT also refuse a plain bind. With SO_REUSEADDR they do not, but then only a listening
    // socket keeps others with that option away.
    const reusing = this.#socket(port, address);
    try {
      this.#native.setsockopt(reusing, SOL_SOCKET, SO_REUSEADDR, ONE);
      this.#native.bind(reusing, where);
      this.#native.listen(reusing, 1);
      return { fd: reusing, listening: true };
    } catch (error) {
      closeSync(reusing);
      throw this.#refusal(port, target, error);
    }
  }

  #socket(port: PublishedPort, address: Address): number {
    const domain = address.family === 4 ? AF_INET : AF_INET6;
    const type = port.protocol === "udp" ? SOCK_DGRAM : SOCK_STREAM;
    try {
      const fd = this.#native.socket(domain, type, port.protocol === "sctp" ? IPPROTO_SCTP : 0);
      if (address.family === 6) this.#native.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ONE);
      return fd;
    } catch (error) {
      if (errnoOf(error) === "EPROTONOSUPPORT") throw protocolMissing(port.protocol);
      throw error;
    }
  }

  #refusal(port: PublishedPort, target: string, error: unknown): EngineError {
    const reasons: Record<string, string> = {
      EADDRINUSE: "address already in use",
      EADDRNOTAVAIL: "cannot assign requested address",
      EACCES: "permission denied",
    };
    const reason = reasons[errnoOf(error) ?? ""] ?? messageOf(error);
    return hostPortTaken(port.hostAddress, port.hostPort, `${target}/${port.protocol}`, reason);
  }

  /** Lets ports go; those not held are passed over. */
  release(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      const held = this.#held.get(keyOf(port));
      if (held === undefined) continue;
      this.#held.delete(keyOf(port));
      closeSync(held.fd);
    }
  }

  [Symbol.dispose](): void {
    this.release([...this.#held.values()].map((held) => held.port));
  }
}

function keyOf(port: PublishedPort): string {
  const address = parseAddress(port.hostAddress);
  return `${port.protocol}/${address === undefined ? port.hostAddress : formatAddress(address)}/${port.hostPort}`;
}

function ephemeralRange(): { first: number; last: number } {
  const [first = 32768, last = 60999] = readFileSync(EPHEMERAL, "utf8").trim().split(/\s+/).map(Number);
  return { first, last };
}
