import { expect, test } from "bun:test";
import { externalServers, parseResolvConf, resolvConf } from "./files.ts";
import type { ResolverFacts, ResolverQuery } from "./files.ts";

const none: ResolverFacts = { servers: [], search: [], options: [] };

function query(more: Partial<ResolverQuery>): ResolverQuery {
  return { host: none, daemon: none, container: none, embedded: false, ipv6: false, ...more };
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

test("the host's file is read as resolvers read it", () => {
  expect(
    parseResolvConf(
      "# c\nnameserver 10.0.0.1 \n nameserver\t10.0.0.2\ndomain old\nsearch a b\noptions ndots:2 rotate\n",
    ),
  ).toEqual({ servers: ["10.0.0.1", "10.0.0.2"], search: ["a", "b"], options: ["ndots:2", "rotate"] });
});

test("the default bridge gets the host's servers, loopback ones left out", () => {
  const host = { servers: ["127.0.0.53", "10.0.0.1", "fd00::1"], search: ["corp"], options: ["edns0"] };
  expect(lines(resolvConf(query({ host })))).toEqual(["nameserver 10.0.0.1", "search corp", "options edns0"]);
  expect(lines(resolvConf(query({ host, ipv6: true })))).toContain("nameserver fd00::1");
});

test("without any usable server public ones are named", () => {
  const host = { ...none, servers: ["127.0.0.53"] };
  expect(lines(resolvConf(query({ host })))).toEqual(["nameserver 8.8.8.8", "nameserver 8.8.4.4"]);
});

test("user-defined networks ask the embedded server, which may ask the host's loopback one", () => {
  const host = { servers: ["127.0.0.53"], search: ["corp"], options: [] };
  expect(lines(resolvConf(query({ host, embedded: true })))).toEqual([
    "nameserver 127.0.0.11",
    "search corp",
    "options ndots:0",
  ]);
  expect(externalServers(query({ host, embedded: true }))).toEqual(["127.0.0.53"]);
});

test("the container's settings come before the daemon's, those before the host's", () => {
  const host = { servers: ["1.1.1.1"], search: ["h"], options: ["rotate"] };
  const daemon = { servers: ["2.2.2.2"], search: ["d"], options: ["ndots:3"] };
  const container = { servers: ["3.3.3.3"], search: ["."], options: [] };
  expect(lines(resolvConf(query({ host, daemon, container })))).toEqual(["nameserver 3.3.3.3", "options ndots:3"]);
  expect(lines(resolvConf(query({ host, daemon, embedded: true })))).toContain("options ndots:3");
});
