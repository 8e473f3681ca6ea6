import { spawn } from "node:child_process";
import { PATIENCE } from "./wait.ts";

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds, times the run's patience; the process is killed then and the call throws. */
  timeout?: number;
}

/** Runs a program to its end and gives code (128 + signal when killed) and output. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => stdout.push(data));
  child.stderr.on("data", (data: Buffer) => stderr.push(data));
  child.stdin.on("error", () => undefined); // the program may end before it has read everything
  child.stdin.end(options.input);
  return new Promise((resolve, reject) => {
    const text = (parts: Buffer[]) => Buffer.concat(parts).toString();
    const timer = setTimeout(
      () => {
        child.kill("SIGKILL");
        reject(new Error(`${command} ${args.join(" ")} did not end:\n${text(stdout)}${text(stderr)}`));
      },
      (options.timeout ?? 90_000) * PATIENCE,
    );
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 137, stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

/** Runs a program that must succeed; gives its output without the last newline. */
export async function output(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, args, options);
  if (result.code !== 0) throw new Error(`${command} ${args.join(" ")} gave ${result.code}:\n${result.stderr}`);
  return result.stdout.replace(/\n$/, "");
}
