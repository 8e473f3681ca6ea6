import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of the host that nothing may read or change: attacks aim at it. */
export class Canary implements Disposable {
  /** What its files say; output of a container that has it shows that it was read. */
  readonly word = `canary-${process.pid}`;
  readonly folder = mkdtempSync(join(tmpdir(), "berth-canary-"));
  readonly secret = join(this.folder, "secret");
  readonly #parent = tmpdir();
  readonly #before: string[];

  constructor() {
    mkdirSync(join(this.folder, "inner"));
    writeFileSync(this.secret, this.word);
    writeFileSync(join(this.folder, "inner/file"), this.word);
    chmodSync(this.folder, 0o755);
    this.#before = this.#state();
  }

  /** What of it is not as it was; nothing when it is untouched. */
  changes(): string[] {
    const now = this.#state();
    const mounts = readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(this.folder));
    return [
      ...this.#before.filter((line) => !now.includes(line)).map((line) => `gone: ${line}`),
      ...now.filter((line) => !this.#before.includes(line)).map((line) => `new: ${line}`),
      ...mounts.map((line) => `mounted: ${line}`),
    ];
  }

  /** The way to it with `..` from any folder that is not very deep. */
  get climbing(): string {
    return `${"../".repeat(24)}${this.folder.slice(1)}`;
  }

  #state(): string[] {
    const names = ["", ...readdirSync(this.folder, { recursive: true, encoding: "utf8" })].sort();
    const lines = names.map((name) => {
      const { mode, uid, gid, nlink, mtimeMs, ctimeMs } = lstatSync(join(this.folder, name));
      return JSON.stringify({ name, mode, uid, gid, nlink, mtimeMs, ctimeMs });
    });
    // Names that attacks plant beside it.
    const planted = readdirSync(this.#parent).filter((name) => name.startsWith("berth-planted"));
    return [...lines, ...planted.map((name) => `planted ${name}`)];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
