import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { busyboxEntries, dockerArchive } from "../../support/images.ts";
import { Canary } from "../../support/canary.ts";
import { startEngine, type EngineOptions, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import type { Result } from "../../support/process.ts";
import { settledInventory } from "../../support/recordings.ts";
import type { TarEntry } from "../../support/tar.ts";

/** The engine that a file's attacks go through, and what they aim at. */
export class AttackedEngine {
  engine!: TestEngine; // made before the first test
  readonly canary = new Canary();
  #count = 0;

  constructor(options: EngineOptions = {}) {
    let before: string[] = [];
    beforeAll(async () => {
      this.engine = await startEngine(options);
      before = (await inventory(this.engine)).filter(isNoImage);
    });
    afterEach(() => expect(this.canary.changes()).toEqual([]));
    afterAll(async () => {
      await this.run(["system", "prune", "-f", "--volumes"]);
      const left = await this.engine.api("GET", "/containers/json?all=1");
      // Of a test that failed: the host is looked at without them
      for (const { Id } of left.json as { Id: string }[]) await this.remove(Id); // the list's shape
      const after = await settledInventory(this.engine, before, isNoImage);
      await this.engine[Symbol.asyncDispose]();
      this.canary[Symbol.dispose]();
      expect(left.json).toEqual([]);
      expect(after).toEqual(before);
    });
  }

  run(args: readonly string[]): Promise<Result> {
    return this.engine.berth(args);
  }

  /** A shell script in a container of its own. */
  shell(script: string, options: readonly string[] = [], image = "busybox:local"): Promise<Result> {
    return this.run(["run", "--rm", ...options, image, "sh", "-c", script]);
  }

  /** A container that waits until it is removed; gives its id. */
  async sleeper(options: readonly string[] = [], image = "busybox:local"): Promise<string> {
    return await this.background("exec sleep 1000", options, image);
  }

  async background(script: string, options: readonly string[] = [], image = "busybox:local"): Promise<string> {
    const { code, stdout, stderr } = await this.run(["run", "-d", ...options, image, "sh", "-c", script]);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  remove(...ids: string[]): Promise<Result> {
    return this.run(["rm", "-f", "-v", ...ids]);
  }

  /** An image: busybox with this on top. Gives its name. */
  async image(entries: TarEntry[], config: Record<string, unknown> = {}): Promise<string> {
    this.#count += 1;
    const name = `hostile${this.#count}:local`;
    await this.engine.load(dockerArchive({ name, layers: [busyboxEntries(), entries], config }));
    return name;
  }
}

/** Images stay until the engine is gone, and what a failed pull had downloaded stays to be resumed: neither is a leftover. */
const isNoImage = (line: string) => !/^file .*\/(overlay2|blobs|partial)\//.test(line);
