import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { gunzipSync, inflateSync } from "node:zlib";
import { hasOpenssl, makeCertificates } from "../../../test/support/certificates.ts";
import { tcpReceiver, udpReceiver } from "../../../test/support/receivers.ts";
import { DatagramSocket } from "../../../test/support/sockets.ts";
import { eventually } from "../../../test/support/wait.ts";
import { loadNative } from "../../sys/index.ts";
import { DeliveryError } from "../errors.ts";
import type { LogRecord, LogSource, Options } from "../types.ts";
import { openFluentd } from "./fluentd.ts";
import { openGelf } from "./gelf.ts";
import { openJournald } from "./journald.ts";
import { openSyslog } from "./syslog.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "berth-senders-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const native = loadNative();

function source(options: Options): LogSource {
  return {
    id: "c".repeat(64),
    name: "web",
    imageId: "sha256:0",
    imageName: "image:1",
    entrypoint: "sh",
    args: ["-c", "serve"],
    createdAt: 1_700_000_000_000_000_000n,
    logPath: "",
    env: [],
    labels: { tier: "front" },
    options,
  };
}

function record(text: string, more: Partial<LogRecord> = {}): LogRecord {
  return { text: Buffer.from(text), stream: "stdout", time: "2024-02-03T04:05:06.789012345Z", partial: false, ...more };
}

/** Takes streams at a path or port; what came is kept, `answer` is said to it. */
async function listening(
  server: Server,
  place: string | number,
): Promise<{ bytes: Buffer[]; port: number } & AsyncDisposable> {
  const bytes: Buffer[] = [];
  const sockets = new Set<Socket>();
  const take = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => bytes.push(data));
  };
  server.on("secureConnection", take);
  if (!("setSecureContext" in server)) server.on("connection", take);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) =>
    typeof place === "string" ? server.listen(place, resolve) : server.listen(place, "127.0.0.1", resolve),
  );
  const address = server.address();
  return {
    bytes,
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const whole = (parts: readonly Buffer[]) => Buffer.concat(parts).toString();

describe("syslog", () => {
  test("over udp is one datagram an entry", async () => {
    await using receiver = await udpReceiver();
    await using sender = openSyslog(
      source({
        "syslog-address": `udp://127.0.0.1:${receiver.port}`,
        "syslog-format": "rfc5424micro",
        tag: "{{.Name}}",
      }),
      native,
    );
    await sender.send([record("one"), record("two", { stream: "stderr" })]);
    await eventually("both", () => receiver.bytes.length === 2);
    expect(receiver.bytes.map(String)).toEqual([
      expect.stringMatching(/^<30>1 2024-02-03T04:05:06\.789012Z \S+ web \d+ web - one$/),
      expect.stringMatching(/^<27>1 2024-02-03T04:05:06\.789012Z \S+ web \d+ web - two$/),
    ]);
  });

  test("goes to the host's own socket as datagrams, and to another as a stream", async () => {
    const gram = join(folder, "log");
    using receiver = new DatagramSocket(gram);
    await using sender = openSyslog(source({ "syslog-address": `unixgram://${gram}`, tag: "t" }), native);
    await sender.send([record("one"), record("two")]);
    expect(receiver.received()).toEqual([
      expect.stringMatching(/^<30>Feb  3 \d\d:05:06 t\[\d+\]: one$/),
      expect.stringMatching(/^<30>Feb  3 \d\d:05:06 t\[\d+\]: two$/),
    ]);

    const path = join(folder, "stream");
    await using stream = await listening(createServer(), path);
    await using other = openSyslog(source({ "syslog-address": `unix://${path}`, tag: "t" }), native);
    await other.send([record("one"), record("two")]);
    await eventually("both", () => whole(stream.bytes).endsWith("two\n"));
    expect(whole(stream.bytes)).toMatch(/^<30>Feb  3 \S+ t\[\d+\]: one\n<30>Feb  3 \S+ t\[\d+\]: two\n$/);
  });

  test("whose socket nobody reads from waits, and loses nothing", async () => {
    const path = join(folder, "log");
    using receiver = new DatagramSocket(path);
    await using sender = openSyslog(source({ "syslog-address": `unixgram://${path}`, tag: "t" }), native);
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    let done = false;
    const sent = sender.send(lines.map((line) => record(line))).finally(() => (done = true));
    // The kernel keeps a few (net.unix.max_dgram_qlen); the rest has to wait for the reader.
    await eventually("all of them", () => (receiver.received(), done));
    await sent;
    expect(receiver.received().map((text) => text.replace(/.*: /, ""))).toEqual(lines);
  });

  test("whose socket nobody reads from is given up when it is disposed of", async () => {
    const path = join(folder, "log");
    using _receiver = new DatagramSocket(path);
    const sender = openSyslog(source({ "syslog-address": `unixgram://${path}`, tag: "t" }), native);
    // More than the kernel keeps, whatever it is set to.
    const sent = sender.send(Array.from({ length: 100_000 }, () => record("line")));
    const failure = sent.then(
      () => undefined,
      (error: unknown) => error,
    );
    await sender[Symbol.asyncDispose]();
    expect(String(await failure)).toMatch(/abort/i);
  });

  const made = hasOpenssl();
  test("over TLS trusts who it is told to, shows its own certificate, and counts frames", async () => {
    if (!(await made)) return;
    await makeCertificates(folder);
    const file = (name: string) => join(folder, name);
    const read = (name: string) => readFileSync(file(name));
    const server = createTlsServer({
      key: read("server.key"),
      cert: read("server.pem"),
      ca: read("ca.pem"),
      requestCert: true,
      rejectUnauthorized: true,
    });
    await using receiver = await listening(server, 0);
    const address = { "syslog-address": `tcp+tls://127.0.0.1:${receiver.port}`, "syslog-format": "rfc5424", tag: "t" };
    const shown = { "syslog-tls-cert": file("client.pem"), "syslog-tls-key": file("client.key") };
    {
      await using sender = openSyslog(source({ ...address, ...shown, "syslog-tls-ca-cert": file("ca.pem") }), native);
      await sender.send([record("one")]);
      await eventually("the entry", () => whole(receiver.bytes).includes("one"));
    }
    const [, size, message] = /^(\d+) (.*)$/s.exec(whole(receiver.bytes)) ?? [];
    expect(message).toMatch(/^<30>1 2024-02-03T04:05:06Z \S+ t \d+ t - one$/);
    expect(Number(size)).toBe(Buffer.byteLength(message ?? ""));

    await using distrusting = openSyslog(
      source({ ...address, ...shown, "syslog-tls-ca-cert": file("other.pem") }),
      native,
    );
    await expect(distrusting.send([record("two")])).rejects.toThrow(/certificate|self.signed|verify/i);
    await using trusting = openSyslog(source({ ...address, ...shown, "syslog-tls-skip-verify": "true" }), native);
    await trusting.send([record("three")]);
    await eventually("the entry", () => whole(receiver.bytes).includes("three"));
    expect(whole(receiver.bytes)).not.toContain("two");
  });
});

test("the journal gets a datagram of fields for each entry", async () => {
  const path = join(folder, "journal");
  using receiver = new DatagramSocket(path);
  await using sender = openJournald(source({ tag: "{{.Name}}", labels: "tier" }), native, path);
  await sender.send([record("one"), record("first\nsecond", { stream: "stderr", partial: true })]);
  const [plain, partial] = receiver.received();
  expect(plain?.split("\n").sort()).toEqual([
    "",
    `CONTAINER_ID=${"c".repeat(12)}`,
    `CONTAINER_ID_FULL=${"c".repeat(64)}`,
    "CONTAINER_NAME=web",
    "CONTAINER_TAG=web",
    "IMAGE_NAME=image:1",
    "MESSAGE=one",
    "PRIORITY=6",
    "SYSLOG_IDENTIFIER=web",
    "SYSLOG_TIMESTAMP=2024-02-03T04:05:06.789012345Z",
    "TIER=front",
  ]);
  // A value with a line feed has its length before it, 64 bits little-endian.
  expect(partial).toStartWith("MESSAGE\n\x0c\0\0\0\0\0\0\0first\nsecond\nPRIORITY=3\n");
  expect(partial).toContain("\nCONTAINER_PARTIAL_MESSAGE=true\n");
});

describe("gelf", () => {
  test("over tcp ends each message with a NUL", async () => {
    await using receiver = await tcpReceiver();
    await using sender = openGelf(source({ "gelf-address": `tcp://127.0.0.1:${receiver.port}`, labels: "tier" }));
    await sender.send([record("one"), record("two", { stream: "stderr" })]);
    await eventually("both", () => receiver.text().split("\0").length === 3);
    const [one, two] = receiver.text().split("\0");
    expect(JSON.parse(one ?? "")).toMatchObject({
      version: "1.1",
      short_message: "one",
      timestamp: 1_706_933_106.789,
      level: 6,
      _command: "sh -c serve",
      _container_name: "web",
      _tier: "front",
    });
    expect(JSON.parse(two ?? "")).toMatchObject({ short_message: "two", level: 3 });
  });

  for (const [type, inflate] of [
    ["gzip", gunzipSync],
    ["zlib", inflateSync],
    ["none", (data: Uint8Array) => data],
  ] as const) {
    test(`over udp with ${type} is sent in chunks when it is long`, async () => {
      await using receiver = await udpReceiver();
      await using sender = openGelf(
        source({ "gelf-address": `udp://127.0.0.1:${receiver.port}`, "gelf-compression-type": type }),
      );
      // Digits that do not compress to one datagram.
      const text = Array.from({ length: 4000 }, (_, index) => Math.imul(index + 1, 2654435761) >>> 0).join(" ");
      await sender.send([record("short"), record(text)]);
      const counts = () => receiver.bytes.slice(1).map((data) => data[11] ?? 0);
      await eventually("every chunk", () => receiver.bytes.length > 1 && counts().length === counts()[0]);
      const [short, ...chunks] = receiver.bytes;
      expect(JSON.parse(inflate(short ?? Buffer.alloc(0)).toString())).toMatchObject({ short_message: "short" });
      const id = chunks[0]?.subarray(2, 10).toString("hex");
      chunks.sort((one, other) => (one[10] ?? 0) - (other[10] ?? 0));
      for (const [index, chunk] of chunks.entries()) {
        expect([chunk.toString("hex", 0, 2), chunk.toString("hex", 2, 10), chunk[10]]).toEqual([
          "1e0f",
          id ?? "",
          index,
        ]);
        expect(chunk.length).toBeLessThanOrEqual(1420);
      }
      const message = inflate(Buffer.concat(chunks.map((chunk) => chunk.subarray(12)))).toString();
      expect(JSON.parse(message)).toMatchObject({ short_message: text });
    });
  }

  test("over udp refuses what has no room in 128 chunks, and sends the rest", async () => {
    await using receiver = await udpReceiver();
    await using sender = openGelf(
      source({ "gelf-address": `udp://127.0.0.1:${receiver.port}`, "gelf-compression-type": "none" }),
    );
    const failure = await sender.send([record("one"), record("x".repeat(200_000)), record("two")]).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(DeliveryError);
    expect(failure).toMatchObject({ sent: 1, refused: 1 });
    await sender.send([record("two")]);
    await eventually("both", () => receiver.bytes.length === 2);
  });
});

describe("fluentd", () => {
  /** The chunk's id in a message's options, as the receiver is to repeat it. */
  const chunkIn = (data: Buffer) => /\x81\xa5chunk\xb8([A-Za-z0-9+/=]{24})/.exec(data.toString("latin1"))?.[1];

  test("with acknowledgement is delivered once the receiver has repeated the chunk's id", async () => {
    const chunks: string[] = [];
    await using receiver = await tcpReceiver(0, (data) => {
      const chunk = chunkIn(data);
      if (chunk !== undefined) chunks.push(chunk);
      // {"ack": id} as MessagePack; the first message is answered wrongly.
      const said = chunks.length === 1 ? "x".repeat(24) : (chunk ?? "");
      return Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from("ack"), Buffer.from([0xb8]), Buffer.from(said)]);
    });
    const address = `127.0.0.1:${receiver.port}`;
    await using sender = openFluentd(
      source({ "fluentd-address": address, "fluentd-request-ack": "true", "fluentd-read-timeout": "200ms", tag: "t" }),
    );
    await expect(sender.send([record("one")])).rejects.toThrow("the receiver does not answer");
    await sender.send([record("one", { partial: true })]);
    expect(chunks).toHaveLength(2);
    expect(receiver.text()).toContain("partial_message");
  });

  test("speaks to a Unix socket", async () => {
    const path = join(folder, "fluent");
    await using receiver = await listening(createServer(), path);
    await using sender = openFluentd(source({ "fluentd-address": `unix://${path}`, tag: "app" }));
    await sender.send([record("one")]);
    await eventually("the entry", () => whole(receiver.bytes).includes("one"));
    // [tag, [[seconds, {…}]], {}]
    expect(Buffer.concat(receiver.bytes).toString("latin1", 0, 5)).toBe("\x93\xa3app");
  });
});
