import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Archiver } from "../../archive/index.ts";
import type { CallContext, ContainerCreateBody, EventMessage } from "../../api/index.ts";
import { notFound, sha256, silentLogger, type ContainerId, type Digest } from "../../base/index.ts";
import { createEventBus, type EventBus } from "../../events/index.ts";
import type { Image, ImageStore } from "../../image/index.ts";
import { LOG_DRIVERS } from "../../logging/index.ts";
import { createEngineMetrics } from "../../metrics/index.ts";
import type { AttachedNetworking, ContainerNetworking, NetworkService } from "../../network/index.ts";
import type { Snapshotter, SnapshotRow } from "../../snapshot/index.ts";
import type { ImageRunConfig } from "../../spec/index.ts";
import { createStore, type Store } from "../../store/index.ts";
import { loadNative } from "../../sys/index.ts";
import type { VolumeService, VolumeUse } from "../../volume/index.ts";
import { ALL_CAPABILITIES } from "../../spec/index.ts";
import { createContainerService } from "../container-service.ts";
import type { Clock, ContainerDependencies, ContainerService } from "../types.ts";
import { FakeRuntime } from "./fake-runtime.ts";

const native = loadNative();

/** Time that stands still until the test moves it. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000_000_000n;
  readonly #timers: Array<{ at: bigint; delay: number; work: () => void }> = [];

  now(): bigint {
    return ++this.#now;
  }

  after(milliseconds: number, work: () => void): Disposable {
    const timer = { at: this.#now + BigInt(Math.round(milliseconds * 1e6)), delay: milliseconds, work };
    this.#timers.push(timer);
    return {
      [Symbol.dispose]: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  /** Delays of the timers that wait. */
  get delays(): number[] {
    return this.#timers.map(({ delay }) => delay);
  }

  /** Moves time and runs what is due. */
  advance(milliseconds: number): void {
    this.#now += BigInt(milliseconds) * 1_000_000n;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      timer.work();
    }
  }
}

/** Only the members that the container layer calls; any other call fails the test loudly. */
function partial<T extends object>(members: Partial<T>): T {
  return members as T; // a missing member is a TypeError at its call
}

export class FakeSnapshots {
  readonly rows = new Map<string, SnapshotRow>();
  /** What removals fail with. */
  failing: Error | undefined;

  asService(): Snapshotter {
    return partial<Snapshotter>({
      driver: "overlay2",
      prepare: async (key, parent) => {
        this.rows.set(key, { key, parent, kind: "active" });
        return { key, parent };
      },
      remove: async (key) => {
        if (this.failing !== undefined) throw this.failing;
        if (!this.rows.delete(key)) throw notFound(`snapshot ${key} is not there`);
      },
      mounts: async () => ({ type: "bind", source: "/nowhere", readOnly: false }),
      usage: async () => ({ bytes: 10, inodes: 1 }),
      changes: async () => [
        { path: "/dev", kind: "modified", itself: true },
        { path: "/etc", kind: "modified", itself: false },
        { path: "/etc/hosts", kind: "added", itself: true },
        { path: "/new", kind: "added", itself: true },
      ],
      has: (key) => this.rows.has(key),
      list: () => [...this.rows.values()],
      graphDriver: () => ({ Name: "overlay2", Data: {} }),
      withMerged: (_key, work) => work({ fd: -1, path: "/nowhere" }),
    });
  }
}

export class FakeVolumes {
  readonly volumes = new Map<string, { use: VolumeUse; users: Set<string> }>();
  readonly copied: string[] = [];
  /** Called when one is made, before it is there. */
  making: () => Promise<void> = async () => undefined;

  asService(): VolumeService {
    return partial<VolumeService>({
      ensure: async ({ name, labels }) => {
        await this.making();
        const anonymous = Object.hasOwn(labels, "com.docker.volume.anonymous");
        const key = name ?? "unnamed";
        const known = this.volumes.get(key);
        if (known !== undefined) return { ...known.use, created: false };
        const use = {
          name: key,
          driver: "local",
          mountpoint: `/volumes/${key}`,
          anonymous,
          created: true,
        };
        this.volumes.set(key, { use, users: new Set() });
        return use;
      },
      addUser: (name, id) => void this.volumes.get(name)?.users.add(id),
      removeUser: (name, id) => void this.volumes.get(name)?.users.delete(id),
      usersOf: (name) => [...(this.volumes.get(name)?.users ?? [])],
      get: (name) => this.volumes.get(name)?.use,
      copyUp: async (name) => void this.copied.push(name),
      remove: async (name) => void this.volumes.delete(name),
    });
  }
}

export class FakeNetworks {
  readonly attached = new Map<ContainerId, ContainerNetworking>();
  failing: Error | undefined;
  restored: string[] = [];

  asService(): NetworkService {
    return partial<NetworkService>({
      validate: async () => undefined,
      validateOne: () => undefined,
      identify: (ref) => ({ name: ref.replace(/^id-of-/, ""), id: `id-of-${ref.replace(/^id-of-/, "")}` }),
      attach: async (request) => {
        if (this.failing !== undefined) throw this.failing;
        this.attached.set(request.id, request);
        return this.#state(request);
      },
      detach: async (id) => void this.attached.delete(id),
      attachOne: async (_id, _network, settings) => ({ settings, interfaceName: "eth1" }),
      detachOne: async () => undefined,
      rename: () => undefined,
      state: (id) => this.#stateOf(id),
      shown: (id) => this.#stateOf(id),
      restore: async (running) => {
        this.restored = [...running.keys()];
        for (const id of this.attached.keys()) if (!running.has(id)) this.attached.delete(id);
      },
      hostGateways: () => ["172.17.0.1"],
      counters: async () => ({}),
      inspect: async (ref) => {
        const name = ref.replace(/^id-of-/, "");
        return { Name: name, Id: `id-of-${name}` };
      },
    });
  }

  #stateOf(id: ContainerId): AttachedNetworking | undefined {
    const request = this.attached.get(id);
    return request && this.#state(request);
  }

  #state(request: ContainerNetworking): AttachedNetworking {
    const bridged = Object.hasOwn(request.endpoints, "bridge");
    return {
      endpoints: bridged ? { bridge: { IPAddress: "172.17.0.2", NetworkID: "n1", EndpointID: "e1" } } : {},
      ports: bridged ? { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] } : {},
      hostsLines: [{ address: "172.17.0.2", names: ["c"] }],
      resolvConf: "nameserver 1.1.1.1\n",
      sandboxKey: "/run/netns/x",
    };
  }
}

export const IMAGE_ID: Digest = sha256("image");

/** A whole container layer over fakes, on a real store. `reboot` is a daemon that was killed and started again. */
export class FakeWorld implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "berth-container-"));
  readonly root = join(this.folder, "containers");
  readonly runtime = new FakeRuntime();
  readonly snapshots = new FakeSnapshots();
  readonly volumes = new FakeVolumes();
  readonly networks = new FakeNetworks();
  readonly clock = new FakeClock();
  readonly heard: EventMessage[] = [];
  /** Another one counts from the next reboot. */
  cgroupDriver: "cgroupfs" | "systemd" = "cgroupfs";
  /** What becomes of files that are put into a container. */
  unpack: (body: AsyncIterable<Uint8Array>, signal?: AbortSignal) => Promise<void> = async () => undefined;
  /** What comes of files that are taken out of a container. */
  pack: () => AsyncIterable<Uint8Array> = async function* () {};
  image: ImageRunConfig = { Cmd: ["sh"], Env: ["PATH=/bin"] };
  store: Store;
  events: EventBus & Disposable;
  service: ContainerService;

  constructor() {
    this.runtime.now = () => this.clock.now();
    this.store = createStore({ path: join(this.folder, "state.db"), logger: silentLogger });
    this.events = this.#bus();
    this.service = createContainerService(this.needs());
  }

  get containers() {
    return this.service.containers;
  }

  /** Actions of the container events so far. */
  actions(): string[] {
    return this.heard.map((event) => event.Action ?? "");
  }

  async create(body: ContainerCreateBody = {}, name?: string): Promise<string> {
    const request = { name, platform: undefined, body: { Image: "busybox", ...body } };
    return (await this.containers.create(request, CALL)).Id;
  }

  /** Created and started. */
  async run(body: ContainerCreateBody = {}, name?: string): Promise<string> {
    const id = await this.create(body, name);
    await this.containers.start(id, CALL);
    return id;
  }

  /** The daemon is gone without a word; another one starts on what it left. */
  async reboot(): Promise<void> {
    await this.service.shutdown();
    this.events[Symbol.dispose]();
    this.store[Symbol.dispose]();
    this.store = createStore({ path: join(this.folder, "state.db"), logger: silentLogger });
    this.events = this.#bus();
    this.service = createContainerService(this.needs());
    await this.service.recover();
  }

  /** What a container leaves anywhere: nothing, when it was undone or removed. */
  traces(): Record<string, number> {
    return {
      tasks: this.runtime.tasks.size,
      snapshots: this.snapshots.rows.size,
      volumes: this.volumes.volumes.size,
      attached: this.networks.attached.size,
      folders: this.#folders(),
      rows: Number(this.store.prepare("SELECT count(*) AS n FROM containers").get()?.["n"]),
      tombstones: Number(this.store.prepare("SELECT count(*) AS n FROM container_tombstones").get()?.["n"]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.shutdown();
    this.events[Symbol.dispose]();
    this.store[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  needs(): ContainerDependencies {
    return {
      root: this.root,
      execRoot: join(this.folder, "exec"),
      store: this.store,
      events: this.events,
      images: this.#images(),
      snapshotter: this.snapshots.asService(),
      runtime: this.runtime,
      networks: this.networks.asService(),
      metrics: createEngineMetrics(),
      volumes: this.volumes.asService(),
      logDrivers: LOG_DRIVERS,
      logs: {
        attend: () => undefined,
        finish: async () => true,
        counts: () => ({}),
        totals: async () => new Map(),
        close: async () => undefined,
      },
      archiver: partial<Archiver>({
        put: (_root, _path, body, { signal }) => this.unpack(body, signal),
        get: async () => ({
          stat: { name: "file", size: 4, mode: 0o644, mtime: "2026-01-01T00:00:00Z", linkTarget: "" },
          body: this.pack(),
        }),
      }),
      calls: native,
      users: { resolve: () => ({ uid: 0, gid: 0, additionalGids: [0], home: "/root" }) },
      seccomp: { builtin: () => ({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [] }), parse: () => undefined },
      rootfsViews: { open: async () => ({ fd: -1, [Symbol.asyncDispose]: async () => undefined }) },
      host: {
        cpus: 2,
        cgroupVersion: 1,
        cpusetCpus: "0-1",
        cpusetMems: "0",
        memoryTotal: 8 * 1024 ** 3,
        swapLimit: true,
        blockIoWeight: false,
        cpuRealtime: true,
        architecture: "amd64",
        apparmor: undefined,
        capabilities: ALL_CAPABILITIES.filter((name) => name !== "CAP_WAKE_ALARM"),
      },
      logger: silentLogger,
      config: {
        defaultRuntime: "berth",
        defaultShmSize: 64 * 1024 ** 2,
        defaultUlimits: {},
        logDriver: "json-file",
        logOptions: {},
        cgroupDriver: this.cgroupDriver,
        cgroupParent: "",
        cgroupnsMode: "host",
        ipcMode: "private",
        noNewPrivileges: false,
        stopTimeout: 10,
        seccompProfile: undefined,
        userns: undefined,
        init: false,
        initPath: "/run/berth/berth-init",
      },
      clock: this.clock,
    };
  }

  #bus(): EventBus & Disposable {
    const bus = createEventBus({ store: this.store });
    return {
      subscribers: 0,
      publish: (event) => {
        this.heard.push({
          Type: event.type,
          Action: event.action,
          Actor: { ID: event.id, Attributes: event.attributes },
        });
        bus.publish(event);
      },
      subscribe: (query) => bus.subscribe(query),
      [Symbol.dispose]: () => bus[Symbol.dispose](),
    };
  }

  #images(): ImageStore {
    const image = (): Image => ({
      id: IMAGE_ID,
      topChainId: sha256("layer"),
      config: { architecture: "amd64", os: "linux", config: this.image, rootfs: { type: "layers", diff_ids: [] } },
      references: ["busybox:latest"],
    });
    return partial<ImageStore>({
      resolve: async (name) => {
        if (!name.startsWith("busybox") && name !== IMAGE_ID) throw notFound(`No such image: ${name}:latest`);
        return image();
      },
      get: async () => image(),
      hold: () => ({ [Symbol.dispose]: () => undefined }),
      collect: async () => undefined,
    });
  }

  #folders(): number {
    try {
      return readdirSync(this.root).length;
    } catch {
      return 0;
    }
  }
}

export const CALL: CallContext = { signal: new AbortController().signal, apiVersion: [1, 51] };
