import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RootfsMount } from "../../snapshot/index.ts";

const BUSYBOX = "/bin/busybox";

/** Why this machine cannot run containers of busybox; undefined when it can. */
export function whyNoBusybox(): string | undefined {
  if (!existsSync(BUSYBOX)) return `${BUSYBOX} (busybox-static) is not installed`;
  return undefined;
}

/** An image of busybox as one layer, and writable layers over it. */
export class BusyboxImage implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "berth-rt-"));
  readonly layer = join(this.directory, "layer");
  #next = 0;

  constructor() {
    for (const name of ["bin", "etc", "tmp", "root"]) mkdirSync(join(this.layer, name), { recursive: true });
    copyFileSync(BUSYBOX, join(this.layer, "bin/busybox"));
    const applets = execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n");
    for (const applet of applets) if (applet !== "busybox") symlinkSync("busybox", join(this.layer, "bin", applet));
    writeFileSync(
      join(this.layer, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
    );
    writeFileSync(join(this.layer, "etc/group"), "root:x:0:\nuser:x:1000:\n");
  }

  /** A root file system with a fresh writable layer. */
  rootfs(): RootfsMount {
    const upper = join(this.directory, `${this.#next}-diff`);
    const work = join(this.directory, `${this.#next++}-work`);
    mkdirSync(upper);
    mkdirSync(work);
    return { type: "overlay", lower: [this.layer], upper, work };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
