import { createServer, type Server, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage, ERROR, messageLength, RETURN, SIGNAL, type Message } from "./message.ts";
import { textOf, WireWriter, type Value } from "./wire.ts";

export interface Caller {
  /** A method's return value of one text. */
  answer(text: string): void;
  /** A method's return value of a type that is not known. */
  answerUnreadably(): void;
  fail(name: string, text: string): void;
  /** JobRemoved of this job. */
  jobRemoved(job: string, unit: string, result: string): void;
  /** A signal whose arguments are of types that are not known. */
  otherSignal(): void;
  hangUp(): void;
}

type Handler = (call: Message, caller: Caller) => void;

/** A peer that speaks like systemd's manager; what it does is the test's. */
export class FakeSystemd implements Disposable {
  readonly socket: string;
  readonly calls: string[] = [];
  readonly #folder: string;
  readonly #server: Server;

  private constructor(handler: Handler, greeting: string) {
    this.#folder = mkdtempSync(join(tmpdir(), "berth-systemd-"));
    this.socket = join(this.#folder, "private");
    this.#server = createServer((socket) => this.#serve(socket, handler, greeting));
  }

  static async start(handler: Handler, greeting = "OK 0123456789abcdef\r\n"): Promise<FakeSystemd> {
    const fake = new FakeSystemd(handler, greeting);
    await new Promise<void>((resolve) => fake.#server.listen(fake.socket, resolve));
    return fake;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #serve(socket: Socket, handler: Handler, greeting: string): void {
    let received = Buffer.alloc(0);
    let greeted = false;
    socket.on("error", () => undefined); // the other side may hang up at any time
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (!greeted) {
        const end = received.indexOf("BEGIN\r\n");
        if (end < 0) return;
        greeted = true;
        received = received.subarray(end + "BEGIN\r\n".length);
        socket.write(greeting);
      }
      for (let size = messageLength(received); size !== undefined; size = messageLength(received)) {
        if (received.length < size) return;
        const serial = received.readUInt32LE(8);
        const call = decodeMessage(received.subarray(0, size));
        received = received.subarray(size);
        this.calls.push(`${call.member} ${textOf(call.body()[0])}`);
        handler(call, callerOf(socket, serial));
      }
    });
  }
}

const REPLY_SERIAL = 5;
const ERROR_NAME = 4;
const MEMBER = 3;
const SIGNATURE = 8;

function callerOf(socket: Socket, serial: number): Caller {
  const reply: Value = [REPLY_SERIAL, { signature: "u", value: serial }];
  const signature = (text: string): Value => [SIGNATURE, { signature: "g", value: text }];
  return {
    answer: (text) => socket.write(encode(RETURN, [reply, signature("o")], "o", [text])),
    answerUnreadably: () => socket.write(encode(RETURN, [reply, signature("a{sv}")], "u", [0])),
    fail: (name, text) =>
      socket.write(encode(ERROR, [reply, [ERROR_NAME, { signature: "s", value: name }], signature("s")], "s", [text])),
    jobRemoved: (job, unit, result) =>
      socket.write(
        encode(SIGNAL, [[MEMBER, { signature: "s", value: "JobRemoved" }], signature("uoss")], "uoss", [
          1,
          job,
          unit,
          result,
        ]),
      ),
    otherSignal: () =>
      socket.write(encode(SIGNAL, [[MEMBER, { signature: "s", value: "Changed" }], signature("a{sv}")], "u", [0])),
    hangUp: () => socket.end(),
  };
}

function encode(kind: number, fields: Value[], signature: string, values: readonly Value[]): Uint8Array {
  const body = new WireWriter();
  body.write(signature, values);
  const head = new WireWriter();
  head.write("yyyyuua(yv)", [0x6c, kind, 0, 1, body.length, 1, fields]);
  head.align(8);
  return Buffer.concat([head.toBytes(), body.toBytes()]);
}
