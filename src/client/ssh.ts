import { type ChildProcess, spawn } from "node:child_process";
import { exitOnSignals } from "./deadly-signals.ts";
import { noSshProgram, tunnelEnded } from "./errors.ts";
import type { DialTarget, NativeSocket, SocketHandlers } from "./native.ts";

/** Enough to tell why; a program that talks on is not kept. */
const MAX_STDERR = 4096;

let running: Set<ChildProcess> | undefined;

/**
 * Ends the program with this process. The end of its input does not: the other side takes that for a half-close, and `exec`
 * of a command that says nothing would keep the connection until that command has ended.
 */
function endWithProcess(child: ChildProcess): void {
  running ??= watchProcess();
  running.add(child);
  child.once("exit", () => running?.delete(child));
}

function watchProcess(): Set<ChildProcess> {
  const children = new Set<ChildProcess>();
  process.on("exit", () => {
    for (const child of children) child.kill();
  });
  exitOnSignals();
  return children;
}

/**
 * A connection through `ssh`: berth on the other side joins its standard input and output to the engine's socket.
 * Signals of the terminal do not reach it, so that a command can still speak with the engine when it is interrupted.
 * @throws the system's error when there is no `ssh`. That ssh itself fails is told when the connection closes.
 */
export async function dialSsh(
  target: Extract<DialTarget, { kind: "ssh" }>,
  handlers: SocketHandlers,
): Promise<NativeSocket> {
  const args = sshArguments(target);
  const child = spawn("ssh", args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  endWithProcess(child);
  const { stdin, stdout, stderr } = child;
  let said = "";
  let given = false;
  stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(0, MAX_STDERR)));
  stdin.on("error", () => undefined); // it has ended, which is told below
  stdin.on("drain", () => handlers.drain());
  stdout.on("data", (data: Buffer) => {
    given = true;
    handlers.data(data);
  });
  // Without a word of the engine the end is a failure, which is told with its reason once that is known
  stdout.on("end", () => {
    if (given) handlers.end();
  });
  child.on("close", (code, signal) => {
    const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
    handlers.close(code === 0 ? undefined : tunnelEnded(["ssh", ...args], how, said));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject("code" in error && error.code === "ENOENT" ? noSshProgram() : error));
  });
  return {
    write: (bytes) => {
      if (!stdin.writable) return -1;
      if (stdin.writableNeedDrain) return 0;
      stdin.write(bytes);
      return bytes.length;
    },
    end: () => stdin.end(),
    destroy: () => {
      stdin.destroy();
      child.kill();
    },
    pause: () => stdout.pause(),
    resume: () => stdout.resume(),
  };
}

/** As Docker's client calls it. The last words are for the shell on the other side. */
export function sshArguments({ user, hostname, port, path }: Extract<DialTarget, { kind: "ssh" }>): string[] {
  return [
    "-o",
    "ConnectTimeout=30",
    "-T",
    ...(user === "" ? [] : ["-l", user]),
    ...(port === "" ? [] : ["-p", port]),
    "--",
    hostname,
    "berth",
    ...(path === "" ? [] : ["--host", quoted(`unix://${path}`)]),
    "system",
    "dial-stdio",
  ];
}

function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
