import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Filters } from "../api/index.ts";
import { type Archiver, createArchiver } from "../archive/index.ts";
import { isKind, messageOf, silentLogger } from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import { createStore, type Store } from "../store/index.ts";
import { loadNative, MNT_DETACH, type Native } from "../sys/index.ts";
import { createVolumeService, type VolumeService } from "./index.ts";

setDefaultTimeout(60_000);

let native: Native;
let archiver: Archiver;
let root: string;
let store: Store;
let volumes: VolumeService;
let published: string[];

const events: EventBus = {
  subscribers: 0,
  publish: ({ action, id, attributes }) => published.push(`${action} ${id} ${attributes["driver"] ?? ""}`.trim()),
  subscribe: () => {
    throw new Error("not used");
  },
};

beforeAll(() => {
  native = loadNative();
  archiver = createArchiver();
});
afterAll(() => archiver[Symbol.asyncDispose]());

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "berth-volume-"));
  published = [];
  store = createStore({ path: join(root, "state.db"), logger: silentLogger });
  volumes = await open();
});
afterEach(() => {
  for (const line of mounted()) native.waiting.umount2(line.split(" ")[4] ?? "", MNT_DETACH);
  store[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
});

const open = () =>
  createVolumeService({ root: join(root, "volumes"), store, events, native, archiver, logger: silentLogger });
const mounted = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(root));
const filters = (entries: Record<string, string[]>): Filters => new Map(Object.entries(entries));
const names = async (entries: Record<string, string[]>) =>
  ((await volumes.list(filters(entries))).Volumes ?? []).map(({ Name }) => Name).sort();
const named = (name: string | undefined, options: Record<string, string> = {}) =>
  volumes.ensure({ name, driver: undefined, options, labels: {} });

async function refusal(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "",
    (error: unknown) => messageOf(error),
  );
}

describe("names and options", () => {
  test.each([
    [{ Name: "a" }, "create a: volume name is too short, names should be at least two alphanumeric characters"],
    [
      { Name: "a/b" },
      'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are ' +
        "allowed. If you intended to pass a host directory, use absolute path",
    ],
    [{ Name: "vv", DriverOpts: { foo: "1" } }, 'create vv: invalid option: "foo"'],
    [{ Name: "vv", DriverOpts: { o: "1" } }, 'create vv: missing required option: "device"'],
    [{ Name: "vv", DriverOpts: { size: "1" } }, "create vv: quota size requested but no quota support"],
    [{ Name: "vv", Driver: "nosuch" }, 'create vv: error looking up volume plugin nosuch: plugin "nosuch" not found'],
  ])("%j is refused with Docker's text", async (body, text) => {
    expect(await refusal(volumes.create(body))).toBe(text);
    expect(await names({})).toEqual([]);
  });

  test("a name that climbs makes nothing outside", async () => {
    for (const name of ["..", "../x", ".removed", "."]) {
      expect(await refusal(named(name))).not.toBe("");
    }
    expect(readdirSync(root).filter((name) => !name.startsWith("state.db"))).toEqual(["volumes"]);
    expect(readdirSync(join(root, "volumes"))).toEqual([".removed"]);
  });
});

describe("life of a volume", () => {
  test("is made once, shown in Docker's shape, announced, and removed with its data", async () => {
    const volume = await volumes.create({ Name: "data", Labels: { a: "b" } });
    writeFileSync(join(volume.Mountpoint, "file"), "x");
    await volumes.create({ Name: "data" });

    expect(volume).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      Driver: "local",
      Labels: { a: "b" },
      Mountpoint: join(root, "volumes/data/_data"),
      Name: "data",
      Options: JSON.parse("null"),
      Scope: "local",
    });
    await volumes.remove("data", { force: false });
    expect(existsSync(join(root, "volumes/data"))).toBe(false);
    expect(published).toEqual(["create data local", "destroy data local"]);
  });

  test("without a name it is anonymous and labelled so", async () => {
    const use = await named(undefined);

    expect(use.name).toMatch(/^[0-9a-f]{64}$/);
    expect(use.anonymous).toBe(true);
    expect((await volumes.inspect(use.name)).Labels).toEqual({ "com.docker.volume.anonymous": "" });
  });

  test("missing ones are reported in Docker's words, unless forced", async () => {
    expect(await refusal(volumes.inspect("nope"))).toBe("get nope: no such volume");
    expect(await refusal(volumes.remove("nope", { force: false }))).toBe("get nope: no such volume");
    expect(await refusal(volumes.remove("nope", { force: true }))).toBe("");
  });

  test("stays while a container uses it, also over a restart", async () => {
    await named("data");
    volumes.addUser("data", "c1");

    volumes = await open();

    expect(await refusal(volumes.remove("data", { force: true }))).toBe("remove data: volume is in use - [c1]");
    volumes.removeUser("data", "c1");
    expect(await refusal(volumes.remove("data", { force: false }))).toBe("");
  });

  test("of two that make it at once both get the same", async () => {
    const uses = await Promise.all([named("data"), named("data")]);

    expect(uses.filter(({ created }) => created)).toHaveLength(1);
    expect(uses[0]?.mountpoint).toBe(uses[1]?.mountpoint ?? "");
  });

  test("others may not look around in the folder, but containers reach their data", () => {
    expect(statSync(join(root, "volumes")).mode & 0o777).toBe(0o701);
  });
});

describe("after a crash", () => {
  test("a removal that was begun is ended", async () => {
    await named("data");
    store.prepare("UPDATE volumes SET state = 'removing' WHERE name = 'data'").run();

    volumes = await open();

    expect(existsSync(join(root, "volumes/data"))).toBe(false);
    expect(volumes.get("data")).toBeUndefined();
    expect((await named("data")).created).toBe(true);
  });

  test("a folder that no record knows is adopted, not deleted", async () => {
    mkdirSync(join(root, "volumes/old/_data"), { recursive: true });
    writeFileSync(join(root, "volumes/old/_data/precious"), "x");

    volumes = await open();

    expect(await names({})).toEqual(["old"]);
    expect(existsSync(join(root, "volumes/old/_data/precious"))).toBe(true);
  });

  test("a copy that was cut off is taken back and made again", async () => {
    const { mountpoint } = await named("data");
    writeFileSync(join(mountpoint, "half"), "");
    store.prepare("UPDATE volumes SET copying = 1 WHERE name = 'data'").run();
    const rootfs = join(root, "rootfs");
    mkdirSync(join(rootfs, "srv"), { recursive: true });
    writeFileSync(join(rootfs, "srv/whole"), "");

    volumes = await open();
    await volumes.copyUp("data", rootfs, "/srv");

    expect(readdirSync(mountpoint)).toEqual(["whole"]);
  });
});

describe("copy-up", () => {
  let rootfs: string;
  beforeEach(() => {
    rootfs = join(root, "rootfs");
    mkdirSync(join(rootfs, "srv/data"), { recursive: true });
    writeFileSync(join(rootfs, "srv/data/file"), "from the image");
    chownSync(join(rootfs, "srv/data"), 1000, 1001);
    chmodSync(join(rootfs, "srv/data"), 0o750);
  });

  test("fills an empty volume with content, owner and mode of the image's directory", async () => {
    const { mountpoint } = await named("data");

    await volumes.copyUp("data", rootfs, "/srv/data");

    expect(readFileSync(join(mountpoint, "file"), "utf8")).toBe("from the image");
    const { uid, gid, mode } = statSync(mountpoint);
    expect([uid, gid, mode & 0o777]).toEqual([1000, 1001, 0o750]);
  });

  test("leaves a volume alone that has content, or when the image has nothing there", async () => {
    const { mountpoint } = await named("data");
    writeFileSync(join(mountpoint, "own"), "");

    await volumes.copyUp("data", rootfs, "/srv/data");
    await named("other");
    await volumes.copyUp("other", rootfs, "/nothing/here");

    expect(readdirSync(mountpoint)).toEqual(["own"]);
  });

  test.each(["/evil", "/srv/climb", "/srv/../evil/sub/.."])(
    "a link at %s leads nowhere outside of the rootfs (CVE-2022-23648)",
    async (path) => {
      const canary = join(root, "canary");
      mkdirSync(join(canary, "sub"), { recursive: true });
      writeFileSync(join(canary, "secret"), "host");
      symlinkSync(canary, join(rootfs, "evil"));
      symlinkSync("../../../../../../../../".concat(canary), join(rootfs, "srv/climb"));
      const { mountpoint } = await named("data");

      await volumes.copyUp("data", rootfs, path);

      expect(readdirSync(mountpoint)).not.toContain("secret");
    },
  );
});

describe("filters", () => {
  beforeEach(async () => {
    await volumes.create({ Name: "used", Labels: { tier: "db" } });
    await volumes.create({ Name: "free", Labels: { tier: "web", old: "" } });
    await volumes.create({});
    volumes.addUser("used", "c1");
  });

  test.each([
    [{ name: ["se"] }, ["used"]],
    [{ name: ["^u.*d$"] }, ["used"]],
    [{ name: ["["] }, []],
    [{ dangling: ["false"] }, ["used"]],
    [{ driver: ["local"], label: ["tier=web"] }, ["free"]],
    [{ label: ["tier", "old"] }, ["free"]],
    [{ driver: ["other"] }, []],
  ])("list %j", async (wanted, expected) => {
    expect(await names(wanted as Record<string, string[]>)).toEqual(expected);
  });

  test("unknown keys and values are refused in Docker's words", async () => {
    expect(await refusal(volumes.list(filters({ x: ["y"] })))).toBe("invalid filter 'x'");
    expect(await refusal(volumes.list(filters({ dangling: ["y"] })))).toBe("invalid filter 'dangling=[y]'");
    expect(await refusal(volumes.prune(filters({ all: ["y"] })))).toBe(
      `invalid filter 'all': strconv.ParseBool: parsing "y": invalid syntax`,
    );
  });

  test("prune takes anonymous ones, with all every unused one, and tells the space", async () => {
    const free = volumes.get("free")?.mountpoint ?? "";
    writeFileSync(join(free, "big"), Buffer.alloc(1000));

    const first = await volumes.prune(filters({}));
    const kept = await volumes.prune(filters({ all: ["1"], "label!": ["old"] }));
    const second = await volumes.prune(filters({ all: ["1"] }));

    expect(first.VolumesDeleted).toHaveLength(1);
    expect(kept.VolumesDeleted).toEqual([]);
    expect(second).toEqual({ VolumesDeleted: ["free"], SpaceReclaimed: 1000 });
    expect(await names({})).toEqual(["used"]);
  });

  test("usage names size and users", async () => {
    const used = volumes.get("used")?.mountpoint ?? "";
    writeFileSync(join(used, "f"), "12345");

    const listed = (await volumes.listWithUsage()).Volumes?.find(({ Name }) => Name === "used");

    expect(listed?.UsageData).toEqual({ Size: 5, RefCount: 1 });
  });
});

describe("options that mount", () => {
  test("a tmpfs is mounted for its users and gone after the last", async () => {
    const { mountpoint } = await named("ram", { type: "tmpfs", device: "tmpfs", o: "size=1m,noexec" });
    volumes.addUser("ram", "c1");

    expect(mounted()[0]).toContain("noexec");
    expect(await named("ram")).toMatchObject({ mountpoint, created: false });
    expect(mounted()).toHaveLength(1);
    volumes.removeUser("ram", "c1");
    await volumes.remove("ram", { force: false });

    expect(mounted()).toEqual([]);
  });

  test("a bind shows the device's content, read-only when asked, and never deletes it", async () => {
    const device = join(root, "elsewhere");
    mkdirSync(device);
    writeFileSync(join(device, "keep"), "x");
    const { mountpoint } = await named("bound", { type: "none", device, o: "bind,ro" });

    expect(readdirSync(mountpoint)).toEqual(["keep"]);
    expect(() => writeFileSync(join(mountpoint, "new"), "")).toThrow("EROFS");
    await volumes.remove("bound", { force: false });

    expect(readdirSync(device)).toEqual(["keep"]);
    expect(mounted()).toEqual([]);
  });

  test("what cannot be mounted is told in Docker's words and is no use", async () => {
    const text = await refusal(named("bad", { type: "none", device: "/nonexist", o: "bind" }));
    const place = join(root, "volumes/bad/_data");

    expect(text).toBe(
      `error while mounting volume '${place}': failed to mount local volume: ` +
        `mount /nonexist:${place}, flags: 0x1000: no such file or directory`,
    );
    expect(isKind(await volumes.remove("bad", { force: false }), "conflict")).toBe(false);
  });
});
