import { describe, expect, test } from "bun:test";
import type { PortSupervisor } from "../types.ts";
import { HostPorts } from "./host-ports.ts";
import type { PortRequest } from "./plan.ts";

/** A supervisor whose kernel refuses every port, and how often it was asked. */
function refusing(errno: string): { supervisor: PortSupervisor; asked: () => number } {
  let count = 0;
  const holdPort = () => {
    count += 1;
    return Promise.reject(Object.assign(new Error(`bind: ${errno}`), { code: errno }));
  };
  return { supervisor: { holdPort, releasePorts: () => Promise.resolve() }, asked: () => count };
}

const request = (hostAddress: string): PortRequest => ({
  protocol: "sctp",
  containerPort: 80,
  hostAddresses: [hostAddress],
  range: undefined,
});

describe("a port that may be any", () => {
  test.each([
    ["EPROTONOSUPPORT", "0.0.0.0", /^protocol not supported: sctp$/],
    ["EINVAL", "fe80::1", /^failed to bind host port for \[fe80::1\]:\d+:10\.0\.0\.2:80\/sctp: invalid argument$/],
    ["EADDRNOTAVAIL", "192.0.2.1", /: cannot assign requested address$/],
  ])("is asked for once where the kernel says %s", async (errno, address, text) => {
    const { supervisor, asked } = refusing(errno);
    const taker = { supervisor, target: "10.0.0.2", relayed: () => false };
    const error: unknown = await new HostPorts().take(request(address), taker).catch((reason: unknown) => reason);
    expect(error instanceof Error ? error.message : "").toMatch(text);
    expect(asked()).toBe(1);
  });
});
