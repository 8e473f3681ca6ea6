import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { silentLogger } from "../../../base/index.ts";
import type { ContainerId } from "../../../base/index.ts";
import { defaultNetworkConfig } from "../../config.ts";
import { planNetwork } from "../../create.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "../../records.ts";
import { Forwarder } from "./forwarder.ts";
import { ContainerNames } from "./names.ts";
import { respond } from "./server.ts";
import { TcpFrames } from "./tcp-frames.ts";
import { answer, encodeName, fitDatagram, offeredSize, parseQuery, RCODE, reverseAddress, TYPE } from "./wire.ts";

function question(name: string, type: number, more: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.from([0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, more.length > 0 ? 1 : 0]);
  return Buffer.concat([header, encodeName(name), Buffer.from([0, type, 0, 1]), more]);
}

function parsed(message: Buffer) {
  const query = parseQuery(message);
  if (query === undefined) throw new Error("not a query");
  return query;
}

describe("messages", () => {
  test("a question is read whatever its case", () => {
    expect(parsed(question("Web.Front", TYPE.A))).toMatchObject({
      id: 0xabcd,
      name: "web.front",
      type: 1,
      internet: true,
    });
  });

  test("what is no question is not answered", () => {
    const plain = question("a", TYPE.A);
    const response = Buffer.from(plain);
    response[2] = 0x81;
    const compressed = Buffer.from(plain);
    compressed[12] = 0xc0;
    const two = Buffer.from(plain);
    two[5] = 2;
    for (const message of [response, compressed, two, plain.subarray(0, 11), plain.subarray(0, 14), Buffer.alloc(0)])
      expect(parseQuery(message)).toBeUndefined();
  });

  test("an answer repeats the question and points its records at it", () => {
    const message = question("web", TYPE.A);
    const reply = answer(message, parsed(message), RCODE.success, [Buffer.from([10, 0, 0, 2])]);
    expect(reply.toString("hex")).toBe("abcd81800001000100000000037765620000010001c00c000100010000003c00040a000002");
  });

  test("a datagram that is too long is cut and marked, by the size that was offered", () => {
    const opt = Buffer.from([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    const message = question("web", TYPE.A, opt);
    const query = parsed(message);
    expect(offeredSize(message, query)).toBe(4096);
    expect(offeredSize(question("web", TYPE.A), query)).toBe(512);
    const long = answer(message, query, RCODE.success, Array(60).fill(Buffer.alloc(4)));
    expect(fitDatagram(long, query, 4096)).toBe(long);
    const cut = fitDatagram(long, query);
    expect([cut.length, (cut[2] ?? 0) & 2, cut.readUInt16BE(6)]).toEqual([query.end, 2, 0]);
  });

  test("reverse names of both families", () => {
    expect(reverseAddress("2.0.17.172.in-addr.arpa")).toBe("172.17.0.2");
    expect(reverseAddress(`1.${"0.".repeat(29)}d.f.ip6.arpa`)).toBe("fd00:0000:0000:0000:0000:0000:0000:0001");
    expect(reverseAddress("web")).toBeUndefined();
  });

  test("frames of a stream are put together", () => {
    const frames = new TcpFrames();
    const bytes = Buffer.concat([TcpFrames.frame(Buffer.from("ab")), TcpFrames.frame(Buffer.from("c"))]);
    expect(frames.push(bytes.subarray(0, 3))).toEqual([]);
    expect(frames.push(bytes.subarray(3)).map(String)).toEqual(["ab", "c"]);
  });
});

const around = { config: defaultNetworkConfig(), networks: [], routed: [] };
const front = planNetwork({ Name: "Front", EnableIPv6: true }, around);
const other = planNetwork({ Name: "other" }, around);
const bridge: NetworkRecord = { ...other, id: "bridge-id", name: "bridge" };
const networks = new Map([front, other, bridge].map((network) => [network.id, network]));

function endpoint(network: NetworkRecord, ipv4: string, names: string[], links: string[] = []): EndpointRecord {
  return {
    id: "e",
    network: network.id,
    asked: { Links: links },
    ipv4,
    ipv6: undefined,
    mac: "",
    hostIndex: 1,
    hostInterface: "",
    containerInterface: "",
    dnsNames: names,
  };
}

function sandbox(name: string, endpoints: EndpointRecord[]): [string, SandboxRecord] {
  const record = { container: name as ContainerId, endpoints, request: { name } }; // an id is only compared here
  return [name, record as unknown as SandboxRecord]; // names are read from these members alone
}

const names = new ContainerNames(
  new Map([
    sandbox("one", [endpoint(front, "10.0.0.2", ["one", "Web"], ["two:db"]), endpoint(bridge, "10.1.0.2", ["one"])]),
    sandbox("two", [endpoint(front, "10.0.0.3", ["two", "web"])]),
    sandbox("far", [endpoint(other, "10.2.0.2", ["far"])]),
    sandbox("plain", [endpoint(bridge, "10.1.0.3", ["plain"])]),
  ]),
  (id) => networks.get(id),
);

describe("names", () => {
  const texts = (asker: string, name: string) => names.lookup(asker, name, 4)?.map((bytes) => [...bytes].join("."));

  test("are seen on shared user-defined networks only", () => {
    expect(texts("one", "two")).toEqual(["10.0.0.3"]);
    expect(texts("one", "two.front")).toEqual(["10.0.0.3"]);
    expect(texts("one", "far")).toBeUndefined();
    expect(texts("one", "plain")).toBeUndefined();
    expect(texts("plain", "one")).toBeUndefined();
    expect(texts("nobody", "one")).toBeUndefined();
  });

  test("an alias that two have gives both", () => {
    expect(texts("two", "web")?.sort()).toEqual(["10.0.0.2", "10.0.0.3"]);
  });

  test("a link's alias is its container's own", () => {
    expect(texts("one", "db")).toEqual(["10.0.0.3"]);
    expect(texts("two", "db")).toBeUndefined();
  });

  test("a known name without IPv6 is empty, not unknown", () => {
    expect(names.lookup("one", "two", 6)).toEqual([]);
  });

  test("addresses have names for those who share the network", () => {
    expect(names.reverse("one", "10.0.0.3")).toBe("two.Front");
    expect(names.reverse("far", "10.0.0.3")).toBeUndefined();
  });
});

describe("a server", () => {
  const parts = (upstreams: string[], forwarder = new Forwarder()) => ({
    container: "one",
    names,
    forwarder,
    upstreams: () => upstreams,
    logger: silentLogger,
  });

  test("answers for containers without asking anybody", async () => {
    const reply = await respond(parts([]), question("two", TYPE.A), "udp");
    expect(reply?.subarray(-4)).toEqual(Buffer.from([10, 0, 0, 3]));
    const mail = await respond(parts([]), question("two", 15), "udp");
    expect([mail?.readUInt16BE(2), mail?.readUInt16BE(6)]).toEqual([0x8180, 0]);
  });

  test("refuses other names when nobody may be asked", async () => {
    const reply = await respond(parts([]), question("example.test", TYPE.A), "udp");
    expect((reply?.[3] ?? 0) & 15).toBe(RCODE.serverFailure);
  });

  test("asks over udp, and takes only what answers its own question", async () => {
    const upstream = createSocket("udp4");
    upstream.on("message", (message, from) => {
      const forged = answer(message, parsed(message), RCODE.nameError);
      forged.writeUInt16BE(forged.readUInt16BE(0) ^ 1, 0);
      upstream.send(forged, from.port, from.address);
      upstream.send(
        answer(message, parsed(message), RCODE.success, [Buffer.from([1, 2, 3, 4])]),
        from.port,
        from.address,
      );
    });
    await new Promise<void>((done) => upstream.bind(0, "127.0.0.1", done));
    const reply = await respond(parts([`127.0.0.1#${upstream.address().port}`]), question("a.test", TYPE.A), "udp");
    expect(reply?.readUInt16BE(0)).toBe(0xabcd);
    expect(reply?.subarray(-4)).toEqual(Buffer.from([1, 2, 3, 4]));
    upstream.close();
  });

  test("asks over tcp what came over tcp, the next server when one is down", async () => {
    const closed = createServer();
    await new Promise<void>((done) => closed.listen(0, "127.0.0.1", done));
    const down = (closed.address() as AddressInfo).port; // a TCP server's address is one
    await new Promise((done) => closed.close(done));
    const upstream = createServer((socket) => {
      const frames = new TcpFrames();
      socket.on("error", () => socket.destroy());
      socket.on("data", (data) => {
        for (const message of frames.push(data))
          socket.write(TcpFrames.frame(answer(message, parsed(message), RCODE.success, [Buffer.from([5, 6, 7, 8])])));
      });
    });
    await new Promise<void>((done) => upstream.listen(0, "127.0.0.1", done));
    const { port } = upstream.address() as AddressInfo; // as above
    const reply = await respond(parts([`127.0.0.1#${down}`, `127.0.0.1#${port}`]), question("a.test", TYPE.A), "tcp");
    expect(reply?.subarray(-4)).toEqual(Buffer.from([5, 6, 7, 8]));
    upstream.close();
  });
});
