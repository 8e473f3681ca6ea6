import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { connectionsOf, listConnections, loadNative, NETLINK_NETFILTER, NetlinkSocket } from "../sys/index.ts";
import type { ContainerId } from "../base/index.ts";
import { addressBytes, parseAddress } from "./address.ts";
import { fetchTcp, fetchUdp, networking, quietPort, serve, TestHost, until } from "./testing.ts";
import type { TestTask } from "./testing.ts";
import type { AttachedNetworking, NetworkService, NetworkTask } from "./types.ts";

setDefaultTimeout(120_000);

let host: TestHost;
let service: NetworkService;
let gateway: string;
let tracking: NetlinkSocket;

beforeAll(async () => {
  tracking = new NetlinkSocket(loadNative(), NETLINK_NETFILTER);
  host = new TestHost();
  service = await host.start();
  await service.restore(new Map());
  gateway = service.hostGateways()[0] ?? "";
});

afterAll(async () => {
  await host.end(service);
  tracking[Symbol.dispose]();
});

/** The protocols of what is tracked of an address, in either direction. */
async function tracked(address: string): Promise<Set<number>> {
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new Error(`${address} is no address`);
  const bytes = addressBytes(parsed);
  const all = connectionsOf(await tracking.request([listConnections(parsed.family)]));
  const ours = all.filter(({ original, reply }) =>
    [original.source, original.destination, reply.source, reply.destination].some((each) => each.equals(bytes)),
  );
  return new Set(ours.map(({ original }) => original.protocol));
}

const TCP = 6;
const UDP = 17;

interface Plugged {
  task: TestTask;
  address: string;
}

/** A container that is plugged in and serves port 90. */
async function plug(name: string, port: string, fixed?: { network: string; address: string }): Promise<Plugged> {
  const task = await host.task();
  const network = fixed?.network ?? "bridge";
  const settings = fixed === undefined ? {} : { IPAMConfig: { IPv4Address: fixed.address } };
  const attached: AttachedNetworking = await service.attach(
    networking(task, name, {
      endpoints: { [network]: settings },
      ports: {
        "90/udp": [{ HostIp: "127.0.0.1", HostPort: port }],
        "90/tcp": [{ HostIp: "127.0.0.1", HostPort: port }],
      },
    }),
    task,
  );
  await serve(host, task, 90, name);
  return { task, address: attached.endpoints[network]?.IPAddress ?? "" };
}

/** Lets connections be tracked that come from the host, from outside through a port, and from within. */
async function talk({ task, address }: Plugged, port: string): Promise<void> {
  await fetchTcp(undefined, "127.0.0.1", Number(port));
  await fetchUdp(undefined, "127.0.0.1", Number(port));
  await fetchUdp(undefined, address, 90);
  await fetchTcp(task, gateway, 9);
  expect(await tracked(address)).toEqual(new Set([TCP, UDP]));
}

async function client(): Promise<{ socket: Socket; answers: string[] }> {
  const socket = createSocket("udp4");
  const answers: string[] = [];
  socket.on("message", (message) => answers.push(message.toString()));
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  return { socket, answers };
}

test("a UDP client that sent before the port was published reaches the container", async () => {
  const { socket, answers } = await client();
  const port = await quietPort();
  const send = () => new Promise<void>((resolve) => socket.send("x", port, "127.0.0.1", () => resolve()));
  await send();
  const { task } = await plug("late", String(port));
  await until("an answer", async () => {
    await send();
    return answers.some((answer) => answer.startsWith("late"));
  });
  await service.detach(task.id);
  socket.close();
});

test("nothing of a container that is gone is tracked any more; that of others is", async () => {
  const [port, otherPort] = [String(await quietPort()), String(await quietPort())];
  const [gone, stays] = [await plug("gone", port), await plug("stays", otherPort)];
  await talk(gone, port);
  await talk(stays, otherPort);
  await service.detach(gone.task.id);
  await until("an end of what is tracked", async () => (await tracked(gone.address)).size === 0);
  expect(await tracked(stays.address)).toEqual(new Set([TCP, UDP]));
  await service.detach(stays.task.id);
});

test("an address that is given again at once comes without the connections of the one before", async () => {
  // The last part of this test's own pool.
  const part = gateway.split(".").slice(0, 3).join(".");
  await service.create({ Name: "small", IPAM: { Config: [{ Subnet: `${part}.248/29` }] } });
  const fixed = { network: "small", address: `${part}.252` };
  const port = String(await quietPort());
  const first = await plug("first", port, fixed);
  await talk(first, port);
  await service.detach(first.task.id);
  const task = await host.task();
  const request = networking(task, "second", { endpoints: { small: { IPAMConfig: { IPv4Address: fixed.address } } } });
  await service.attach(request, task);
  expect(await tracked(fixed.address)).toEqual(new Set());
  await service.detach(task.id);
  await service.remove("small");
});

test("the next daemon forgets what is tracked of containers that ended meanwhile", async () => {
  const [port, otherPort] = [String(await quietPort()), String(await quietPort())];
  const [gone, stays] = [await plug("gone", port), await plug("stays", otherPort)];
  await talk(gone, port);
  await talk(stays, otherPort);
  await service[Symbol.asyncDispose]();
  service = await host.start();
  await service.restore(new Map<ContainerId, NetworkTask>([[stays.task.id, stays.task]]));
  expect(await tracked(gone.address)).toEqual(new Set());
  expect(await tracked(stays.address)).toEqual(new Set([TCP, UDP]));
  expect(await fetchUdp(undefined, "127.0.0.1", Number(otherPort))).toStartWith("stays");
  await service.detach(stays.task.id);
});
