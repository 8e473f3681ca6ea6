import { readFileSync } from "node:fs";
import { EngineError, errnoOf, messageOf } from "../../base/index.ts";
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from "../../sys/index.ts";
import { addressBytes, parseAddress } from "../address.ts";
import type { Address } from "../address.ts";
import { badHostAddress, hostPortTaken, portAllocated, portsAllAllocated, protocolMissing } from "../errors.ts";
import type { PublishedPort } from "../records.ts";
import type { PortSupervisor } from "../types.ts";
import type { PortRequest } from "./plan.ts";

type HostPort = Pick<PublishedPort, "protocol" | "hostAddress" | "hostPort">;

/** Who asks for ports, and what for. */
export interface PortTaker {
  supervisor: PortSupervisor;
  /** The container's address, for the error text. */
  target: string;
  /** True for ports of the host that a relay listens on. */
  relayed: (port: Pick<PublishedPort, "protocol" | "hostAddress">) => boolean;
}

const EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range";
const PROTOCOLS = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP } as const;

/**
 * Published ports of the host, each held by a bound socket of the container's supervisor: another program cannot take
 * one, whether the daemon runs or not, and a port that is taken refuses the container. Packets do not reach these
 * sockets, a relay's aside; the packet filter redirects them first.
 */
export class HostPorts {
  /** What this engine's containers have, by protocol and port: asked first, so that the refusal names the reason. */
  readonly #taken = new Map<string, Address[]>();
  readonly #ephemeral = ephemeralRange();
  #next = this.#ephemeral.first;

  /**
   * Takes one host port, the same on each address of the request.
   * @throws conflict with Docker's texts; nothing is held then.
   */
  async take(request: PortRequest, taker: PortTaker): Promise<PublishedPort[]> {
    if (request.range !== undefined && request.range.first === request.range.last)
      return await this.#takeAll(request, request.range.first, taker);
    let failure: unknown;
    for (const candidate of this.#candidates(request.range)) {
      try {
        return await this.#takeAll(request, candidate, taker);
      } catch (error) {
        // Another port would be refused for the same reason.
        if (error instanceof EngineError && !["EADDRINUSE", undefined].includes(errnoOf(error.cause))) throw error;
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

  async #takeAll(request: PortRequest, hostPort: number, taker: PortTaker): Promise<PublishedPort[]> {
    const taken: PublishedPort[] = [];
    try {
      for (const hostAddress of request.hostAddresses) {
        const port = { protocol: request.protocol, containerPort: request.containerPort, hostAddress, hostPort };
        taken.push({ ...port, held: await this.#hold(port, taker) });
      }
      return taken;
    } catch (error) {
      await this.release(taken, taker.supervisor);
      throw error;
    }
  }

  async #hold(port: Omit<PublishedPort, "held">, taker: PortTaker): Promise<PublishedPort["held"]> {
    const address = parseAddress(port.hostAddress);
    if (address === undefined) throw badHostAddress(port.hostAddress);
    if (this.#isTaken(port, address)) throw portAllocated(port.hostAddress, port.hostPort);
    this.#note(port, address);
    try {
      const { supervisor, relayed } = taker;
      const listens = port.protocol === "tcp" && relayed(port);
      return await supervisor.holdPort(addressBytes(address), PROTOCOLS[port.protocol], port.hostPort, listens);
    } catch (error) {
      this.#forget(port, address);
      throw refusal(port, `${taker.target}:${port.containerPort}`, error);
    }
  }

  #isTaken(port: HostPort, { family, value }: Address): boolean {
    const others = this.#taken.get(keyOf(port)) ?? [];
    return others.some(
      (other) => other.family === family && (other.value === value || other.value === 0n || value === 0n),
    );
  }

  /** After a restart: supervisors hold these already. */
  retake(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      const address = parseAddress(port.hostAddress);
      if (address !== undefined) this.#note(port, address);
    }
  }

  /** Lets ports go. Without a supervisor they are free with its end. */
  async release(ports: readonly PublishedPort[], supervisor: PortSupervisor | undefined): Promise<void> {
    try {
      if (ports.length > 0) await supervisor?.releasePorts(ports.map((port) => port.held.descriptor));
    } finally {
      for (const port of ports) {
        const address = parseAddress(port.hostAddress);
        if (address !== undefined) this.#forget(port, address);
      }
    }
  }

  #note(port: HostPort, address: Address): void {
    this.#taken.set(keyOf(port), [...(this.#taken.get(keyOf(port)) ?? []), address]);
  }

  #forget(port: HostPort, { family, value }: Address): void {
    const others = this.#taken.get(keyOf(port)) ?? [];
    const index = others.findIndex((other) => other.family === family && other.value === value);
    const left = others.filter((_, at) => at !== index);
    if (left.length === 0) this.#taken.delete(keyOf(port));
    else this.#taken.set(keyOf(port), left);
  }
}

const keyOf = (port: HostPort) => `${port.protocol}/${port.hostPort}`;

function refusal(port: Omit<PublishedPort, "held">, target: string, error: unknown): EngineError {
  const errno = errnoOf(error) ?? "";
  if (errno === "EPROTONOSUPPORT") return protocolMissing(port.protocol, error);
  const reasons: Record<string, string> = {
    EADDRINUSE: "address already in use",
    EADDRNOTAVAIL: "cannot assign requested address",
    EACCES: "permission denied",
    EINVAL: "invalid argument",
  };
  const reason = reasons[errno] ?? messageOf(error);
  return hostPortTaken(port.hostAddress, port.hostPort, `${target}/${port.protocol}`, reason, error);
}

function ephemeralRange(): { first: number; last: number } {
  const [first = 32768, last = 60999] = readFileSync(EPHEMERAL, "utf8").trim().split(/\s+/).map(Number);
  return { first, last };
}
