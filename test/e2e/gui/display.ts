import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { output } from "../../support/process.ts";
import { dockerArchive, busyboxEntries } from "../../support/images.ts";
import type { TarEntry } from "../../support/tar.ts";

/** Where X servers have their sockets. */
export const SOCKETS = "/tmp/.X11-unix";

/** An X server without a screen, which lets in whoever has its cookie. */
export class Display implements AsyncDisposable {
  readonly #server: ChildProcess;
  readonly #folder: string;
  readonly #ownsSockets: boolean;
  /** What `DISPLAY` has to be: the server has chosen a number that was free. */
  readonly name: string;

  private constructor(server: ChildProcess, folder: string, number: string, ownsSockets: boolean) {
    this.#ownsSockets = ownsSockets;
    this.#server = server;
    this.#folder = folder;
    this.name = `:${number}`;
  }

  static async start(): Promise<Display> {
    const folder = await mkdtemp(join(tmpdir(), "berth-display-"));
    // Users other than the server's owner are to read it.
    await writeFile(join(folder, "cookie"), authority(), { mode: 0o644 });
    // The server makes it.
    const ownsSockets = !existsSync(SOCKETS);
    // A server begins anew when its last client has gone, and who connects just then is turned away: it must not.
    const behaviour = ["-noreset", "-screen", "0", "800x700x24", "-nolisten", "tcp"];
    const args = ["-displayfd", "3", "-auth", join(folder, "cookie"), ...behaviour];
    const server = spawn("Xvfb", args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
    const said = Promise.all([text(server.stdio[3]), text(server.stdio[2])]);
    const [number = "", errors] = await Promise.race([firstLine(server.stdio[3]).then((line) => [line, ""]), said]);
    if (!/^\d+$/.test(number)) throw new Error(`the X server did not start: ${errors}`);
    return new Display(server, folder, number, ownsSockets);
  }

  get cookie(): string {
    return join(this.#folder, "cookie");
  }

  /** The colours of the window with this title; undefined while there is none. */
  async colours(title: string): Promise<number | undefined> {
    const file = join(this.#folder, "dump");
    const env = { DISPLAY: this.name, XAUTHORITY: this.cookie };
    const found = await output("xwd", ["-silent", "-name", title, "-out", file], { env }).then(
      () => true,
      () => false,
    );
    return found ? coloursOf(await readFile(file)) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#server.once("exit", resolve));
    this.#server.kill();
    await ended;
    await rm(this.#folder, { recursive: true });
    if (this.#ownsSockets) await rmdir(SOCKETS).catch(() => undefined); // others have sockets there by now
  }
}

/** Why there is no display here; undefined when there is one. */
export function lackingDisplay(): string | undefined {
  const missing = ["Xvfb", "x11perf", "xeyes", "xwd"].filter((program) => !existsSync(`/usr/bin/${program}`));
  return missing.length === 0 ? undefined : `programs with windows (no ${missing.join(", ")} on this machine)`;
}

/** `gui:local`: the programs with their libraries, beside busybox. */
export async function guiArchive(): Promise<Buffer> {
  const programs = ["/usr/bin/x11perf", "/usr/bin/xeyes"];
  const linked = (await Promise.all(programs.map((program) => output("ldd", [program])))).join("\n");
  const libraries = new Set([...linked.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? ""));
  const files = await Promise.all(
    [...programs, ...libraries].map(async (path): Promise<TarEntry> => {
      // The loader is looked for where programs name it, libraries where the loader looks.
      const folder = programs.includes(path) ? "bin" : path.includes("/ld-linux") ? "lib64" : "lib/x86_64-linux-gnu";
      return { name: `${folder}/${basename(path)}`, mode: 0o755, data: await readFile(path) };
    }),
  );
  return dockerArchive({ name: "gui:local", layers: [busyboxEntries(), files] });
}

/** Xauthority's form: family (any), address, display, name and data, each behind its length. */
function authority(): Buffer {
  const counted = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  };
  const parts = ["", "", "MIT-MAGIC-COOKIE-1", randomBytes(16)].map(counted);
  return Buffer.concat([Buffer.from([0xff, 0xff]), ...parts]);
}

/** Of a window's dump as XWDFile.h has it: numbers of 32 bits, the pixels last. */
function coloursOf(dump: Buffer): number {
  const height = dump.readUInt32BE(20);
  const lineBytes = dump.readUInt32BE(48);
  const pixels = dump.subarray(dump.length - height * lineBytes);
  const colours = new Set<number>();
  for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.readUInt32LE(at));
  return colours.size;
}

type Stdio = NonNullable<ChildProcess["stdio"]>[number];

/** The pipes that `spawn` was asked for are readable. */
const readable = (stream: Stdio | undefined) => stream as Readable;

function firstLine(stream: Stdio | undefined): Promise<string> {
  return new Promise((resolve) => {
    let line = "";
    readable(stream).on("data", (data: Buffer) => {
      line += data.toString();
      if (line.includes("\n")) resolve(line.trim());
    });
  });
}

function text(stream: Stdio | undefined): Promise<string> {
  return new Promise((resolve) => {
    let all = "";
    readable(stream).on("data", (data: Buffer) => (all += data.toString()));
    readable(stream).on("end", () => resolve(all));
  });
}
