import { expect, test } from "bun:test";
import { parsePort, planPorts } from "./plan.ts";

const plan = (
  ports: Parameters<typeof planPorts>[0]["ports"],
  more: { exposed?: string[]; publishAll?: boolean } = {},
) => planPorts({ ports, exposed: more.exposed ?? [], publishAll: more.publishAll ?? false }, ["0.0.0.0", "::"]);

test("ports are tcp unless said otherwise", () => {
  expect(parsePort("80")).toEqual({ port: 80, protocol: "tcp" });
  expect(parsePort("53/UDP")).toEqual({ port: 53, protocol: "udp" });
  for (const text of ["", "0/tcp", "65536", "80/tcp/x", "x/udp", "-1"]) expect(() => parsePort(text)).toThrow(text);
  expect(() => parsePort("80/icmp")).toThrow("protocol not supported: icmp");
});

test("a binding names address and port, or leaves them to the defaults", () => {
  expect(plan({ "80/tcp": [{ HostIp: "[::1]", HostPort: "8080" }] })).toEqual([
    { protocol: "tcp", containerPort: 80, hostAddresses: ["::1"], range: { first: 8080, last: 8080 } },
  ]);
  expect(plan({ "80/udp": [{}] })).toEqual([
    { protocol: "udp", containerPort: 80, hostAddresses: ["0.0.0.0", "::"], range: undefined },
  ]);
});

test("fixed ports come first, ranges next, random ones last", () => {
  const order = plan({
    "1/tcp": [{}],
    "2/tcp": [{ HostPort: "8000-8010" }],
    "3/tcp": [{ HostPort: "9000" }],
  }).map((item) => item.containerPort);
  expect(order).toEqual([3, 2, 1]);
});

test("publish-all takes exposed ports that are not bound already", () => {
  const ports = plan({ "80/tcp": [{ HostPort: "8080" }] }, { exposed: ["80/tcp", "81", "53/udp"], publishAll: true });
  expect(ports.map((item) => `${item.containerPort}/${item.protocol}`)).toEqual(["80/tcp", "81/tcp", "53/udp"]);
});

test.each(["x", "0-5", "70000", "10-5", "1-2-3"])("host port %p is refused", (text) => {
  expect(() => plan({ "80/tcp": [{ HostPort: text }] })).toThrow(text);
});

test("a host address that is none is refused", () => {
  expect(() => plan({ "80/tcp": [{ HostIp: "localhost" }] })).toThrow("invalid IP address: localhost");
});
