import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import type { ContainerCreateBody, HostConfig } from "../../api/index.ts";
import { EngineError, messageOf } from "../../base/index.ts";
import { CALL, FakeWorld } from "../testing/fake-world.ts";
import { mergeConfig } from "./merge-config.ts";
import { parseMode } from "./mount-mode.ts";
import { parseName, randomName } from "./names.ts";

let world: FakeWorld;

beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

async function answer(body: ContainerCreateBody, name?: string): Promise<string> {
  try {
    const { Warnings } = await world.containers.create(
      { name, platform: undefined, body: { Image: "busybox", ...body } },
      CALL,
    );
    return Warnings.join("; ") || "made";
  } catch (error) {
    return error instanceof EngineError ? `${error.kind}: ${error.message}` : messageOf(error);
  }
}

const inspect = (id: string) => world.containers.inspect(id, { size: false });

describe("entrypoint and command", () => {
  const image = { Entrypoint: ["entry"], Cmd: ["arg"], Env: ["A=1", "B=2"], Labels: { a: "1", b: "2" }, User: "u" };
  const rows: Array<[string, ContainerCreateBody, string[]]> = [
    ["the image's", {}, ["entry", "arg"]],
    ["a command keeps the entrypoint", { Cmd: ["own"] }, ["entry", "own"]],
    ["an entrypoint drops the command", { Entrypoint: ["mine"] }, ["mine"]],
    ["both", { Entrypoint: ["mine"], Cmd: ["own"] }, ["mine", "own"]],
    ["an empty entrypoint drops the image's", { Entrypoint: [""], Cmd: ["own"] }, ["own"]],
  ];
  for (const [title, request, expected] of rows) {
    test(title, () => {
      const { Entrypoint = [], Cmd = [] } = mergeConfig(request, image);
      expect([...Entrypoint, ...Cmd]).toEqual(expected);
    });
  }

  test("a working directory is kept without what leads nowhere", () => {
    expect(mergeConfig({ WorkingDir: "/tmp/../etc/" }, image).WorkingDir).toBe("/etc");
    expect(mergeConfig({}, image).WorkingDir).toBe("");
  });

  test("neither is an error", () => {
    expect(() => mergeConfig({ Entrypoint: [""] }, image)).toThrow("no command specified");
  });

  test("environment, labels and user are joined, the request wins", () => {
    const merged = mergeConfig({ Env: ["B=9", "C=3"], Labels: { b: "9" } }, image);
    expect(merged.Env).toEqual(["B=9", "C=3", "A=1"]);
    expect(merged.Labels).toEqual({ a: "1", b: "9" });
    expect(merged.User).toBe("u");
  });

  test("a health check takes from the image what it leaves open", () => {
    const merged = mergeConfig(
      { Healthcheck: { Retries: 7 } },
      { ...image, Healthcheck: { Test: ["CMD", "x"], Retries: 2 } },
    );
    expect(merged.Healthcheck).toEqual({ Test: ["CMD", "x"], Retries: 7 });
  });
});

describe("names", () => {
  test("are two or more of the allowed characters", () => {
    expect(parseName("/web-1.a_b")).toBe("web-1.a_b");
    for (const bad of ["a", "-a", "x y", "a/b", ""]) expect(() => parseName(bad)).toThrow("Invalid container name");
  });

  test("made up ones are free", () => {
    const taken = new Set<string>();
    const name = randomName((candidate) => taken.size > 20 || !taken.add(candidate));
    expect(name).toMatch(/^[a-z]+_[a-z]+\d+$/);
  });

  test("are taken once", async () => {
    const id = await world.create({}, "web");
    expect(await answer({}, "web")).toBe(
      `conflict: Conflict. The container name "/web" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  });

  test("a failed create gives its name back", async () => {
    expect(await answer({ Image: "nope" }, "web")).toBe("not-found: No such image: nope:latest");
    expect(await answer({}, "web")).toBe("made");
  });

  test("rename moves a name", async () => {
    const id = await world.create({}, "web");
    await world.create({}, "other");
    await world.containers.rename("web", "site");
    expect((await inspect("site")).Id).toBe(id);
    expect(await answer({}, "web")).toBe("made");
    const failure = async (name: string) => await world.containers.rename("site", name).catch(messageOf);
    expect(await failure("site")).toBe("Renaming a container with the same name as its current name");
    expect(await failure("other")).toStartWith("Error when allocating new name: Conflict. The container name");
    expect(await failure("-")).toStartWith("Error when allocating new name: Invalid container name (/-)");
  });

  test("ids resolve by unambiguous prefix", async () => {
    const ids = [await world.create(), await world.create(), await world.create()];
    const [first = ""] = ids;
    expect((await inspect(first.slice(0, 12))).Id).toBe(first);
    const failure = async (ref: string) => await inspect(ref).catch(messageOf);
    expect(await failure("zzz")).toBe("No such container: zzz");
    const prefixes = ids.map((id) => id[0]);
    const doubled = prefixes.find((digit, index) => prefixes.indexOf(digit) !== index);
    if (doubled !== undefined)
      expect(await failure(doubled)).toBe(`Multiple IDs found with provided prefix: ${doubled}`);
    expect(await failure("")).toBe("No such container: ");
  });
});

const host = (members: HostConfig): ContainerCreateBody => ({ HostConfig: members });
const mount = (member: Record<string, unknown>): ContainerCreateBody => host({ Mounts: [member] });
const inBind = 'invalid: invalid mount config for type "bind": ';

/** Bodies, and what Docker 28.5 answers to them. */
const ANSWERS: Array<[ContainerCreateBody, string]> = [
  [{ WorkingDir: "foo" }, "invalid: the working directory 'foo' is invalid, it needs to be an absolute path"],
  [{ Env: ["=x"] }, "invalid: invalid environment variable: =x"],
  [{ StopSignal: "FOO" }, "invalid: invalid signal: FOO"],
  [{ Healthcheck: { Test: ["NONE"], Interval: 5 } }, "invalid: Interval in Healthcheck cannot be less than 1ms"],
  [{ Healthcheck: { Retries: -1 } }, "invalid: Retries in Healthcheck cannot be negative"],
  [host({ ExtraHosts: ["foo"] }), 'invalid: bad format for add-host: "foo"'],
  [host({ ExtraHosts: ["foo=1.2.3.4"] }), 'invalid: bad format for add-host: "foo=1.2.3.4"'],
  [host({ ExtraHosts: ["foo:[::1]"] }), 'invalid: invalid IP address in add-host: "[::1]"'],
  [host({ ExtraHosts: ["foo:bar"] }), 'invalid: invalid IP address in add-host: "bar"'],
  [host({ PortBindings: { "80/tcp": [{ HostPort: "x" }] } }), 'invalid: invalid port specification: "x"'],
  [host({ PortBindings: { "99999/tcp": [] } }), 'invalid: invalid port specification: "99999"'],
  [host({ PortBindings: { "80-81/tcp": [{ HostPort: "80-81" }] } }), 'invalid: invalid port specification: "80-81"'],
  [
    host({ AutoRemove: true, RestartPolicy: { Name: "always" } }),
    "invalid: can't create 'AutoRemove' container with restart policy",
  ],
  [
    host({ RestartPolicy: { Name: "", MaximumRetryCount: 3 } }),
    "invalid: invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [host({ IpcMode: "foo" }), "invalid: invalid IPC mode: foo"],
  [host({ PidMode: "foo" }), "invalid: invalid PID mode: foo"],
  [host({ UTSMode: "foo" }), "invalid: invalid UTS mode: foo"],
  [host({ PidMode: "container:nope" }), "invalid: No such container: nope"],
  [host({ Links: [""] }), "unknown: empty string specified for links"],
  [host({ Links: [":y"] }), 'invalid: could not get container for : invalid name or ID supplied: ""'],
  [host({ PidMode: "container:" }), "invalid: invalid PID mode: container:"],
  [host({ Links: ["x:y:z"] }), "unknown: bad format for links: x:y:z"],
  [host({ Links: ["x:y"] }), "invalid: could not get container for x: No such container: x"],
  [{ Hostname: "x", ...host({ UTSMode: "host" }) }, "invalid: conflicting options: hostname and the UTS mode"],
  [
    { Hostname: "x", ...host({ NetworkMode: "container:x" }) },
    "invalid: conflicting options: hostname and the network mode",
  ],
  [
    host({ NetworkMode: "host", PortBindings: { "80/tcp": [{ HostPort: "1" }] } }),
    "Published ports are discarded when using host network mode",
  ],
  [host({ Memory: 1000 }), "invalid: Minimum memory limit allowed is 6MB"],
  [
    host({ Memory: 10_000_000, MemorySwap: 9_000_000 }),
    "invalid: Minimum memoryswap limit should be larger than memory limit, see usage",
  ],
  [
    host({ MemorySwap: 10_000_000 }),
    "invalid: You should always set the Memory limit when using Memoryswap limit, see usage",
  ],
  [host({ MemorySwappiness: 101 }), "invalid: Invalid value: 101, valid memory swappiness range is 0-100"],
  [host({ NanoCpus: 9e9 }), "invalid: range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  [
    host({ NanoCpus: 1e9, CpuPeriod: 10_000 }),
    "invalid: Conflicting options: Nano CPUs and CPU Period cannot both be set",
  ],
  [host({ CpuShares: -1 }), "invalid: invalid CPU shares (-1): value must be a positive integer"],
  [host({ CpuQuota: 1 }), "invalid: CPU cfs quota can not be less than 1ms (i.e. 1000)"],
  [host({ CpusetCpus: "x" }), "invalid: Invalid value x for cpuset cpus: invalid format: x"],
  [host({ CpusetCpus: " 0" }), "invalid: Invalid value  0 for cpuset cpus: invalid format:  0"],
  [host({ CpusetCpus: "0-9" }), "invalid: Requested CPUs are not available - requested 0-9, available: 0-1"],
  [
    host({ BlkioWeight: 5 }),
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ],
  [host({ ShmSize: -1 }), "invalid: SHM size can not be less than 0"],
  [host({ OomScoreAdj: 2000 }), "invalid: Invalid value 2000, range for oom score adj is [-1000, 1000]"],
  [host({ CapAdd: ["FOO"] }), 'invalid: invalid CapAdd: unknown capability: "CAP_FOO"'],
  [
    host({ CapDrop: ["WAKE_ALARM"] }),
    'invalid: invalid CapDrop: capability not supported by your kernel or not available in the current environment: "CAP_WAKE_ALARM"',
  ],
  [host({ CapAdd: ["net_admin", "CAP_SYS_TIME", "ALL"] }), "made"],
  [host({ SecurityOpt: ["foo"] }), 'unknown: invalid --security-opt 1: "foo"'],
  [host({ SecurityOpt: ["foo=bar"] }), 'unknown: invalid --security-opt 2: "foo=bar"'],
  [host({ SecurityOpt: ["no-new-privileges=x"] }), 'unknown: invalid --security-opt 2: "no-new-privileges=x"'],
  [host({ UsernsMode: "foo" }), "invalid: invalid user namespace mode: foo"],
  [host({ UsernsMode: "host", Privileged: true, Init: true }), "made"],
  [host({ Runtime: "foo" }), "invalid: unknown or invalid runtime name: foo"],
  [
    host({ LogConfig: { Type: "splunk" } }),
    'invalid: error looking up logging plugin splunk: plugin "splunk" not found',
  ],
  [host({ LogConfig: { Config: { foo: "1" } } }), "invalid: unknown log opt 'foo' for json-file log driver"],
  [host({ Binds: ["/tmp:/x:foo"] }), "unknown: invalid mode: foo"],
  [
    host({ Binds: ["a:b"] }),
    "unknown: invalid volume specification: 'a:b': invalid mount config for type \"volume\": invalid mount path: 'b' mount path must be absolute",
  ],
  [
    host({ Binds: ["/tmp:/"] }),
    "unknown: invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
  ],
  [
    host({ Binds: ["/tmp::ro"] }),
    "unknown: invalid volume specification: '/tmp::ro': invalid mount config for type \"bind\": field Target must not be empty",
  ],
  [
    host({ Binds: ["/tmp:/x:nocopy"] }),
    "unknown: invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified",
  ],
  [
    host({ Binds: ["data:/x:rslave"] }),
    "unknown: invalid volume specification: 'data:/x:rslave': invalid mount config for type \"volume\": field BindOptions must not be specified",
  ],
  [host({ Binds: ["/tmp:/x", "/tmp:/x"] }), "invalid: Duplicate mount point: /x"],
  [host({ Tmpfs: { "/x": "" }, Binds: ["/tmp:/x"] }), "invalid: Duplicate mount point: /x"],
  [host({ Tmpfs: { "/": "" } }), "invalid: invalid specification: destination can't be '/'"],
  [host({ Tmpfs: { x: "" } }), "invalid: invalid mount path: 'x' mount path must be absolute"],
  [host({ VolumesFrom: [""] }), "invalid: volumes-from specification cannot be an empty string"],
  [host({ VolumesFrom: [":ro"] }), 'invalid: invalid name or ID supplied: ""'],
  [host({ VolumesFrom: ["nope:nocopy"] }), "invalid: invalid mode: nocopy"],
  [host({ VolumesFrom: ["nope:ro:x"] }), "invalid: invalid mode: ro:x"],
  [host({ VolumesFrom: ["nope"] }), "invalid: No such container: nope"],
  [mount({ Type: "foo", Target: "/x" }), 'invalid: invalid mount config for type "foo": mount type unknown'],
  [mount({ Type: "bind", Target: "/x" }), `${inBind}field Source must not be empty`],
  [mount({ Type: "bind", Source: "/tmp" }), `${inBind}field Target must not be empty`],
  [mount({ Type: "bind", Target: "/x", Source: "/nope" }), `${inBind}bind source path does not exist: /nope`],
  [
    mount({ Type: "bind", Target: "x", Source: "/tmp" }),
    `${inBind}invalid mount path: 'x' mount path must be absolute`,
  ],
  [
    mount({ Type: "bind", Target: "/x", Source: "/tmp", VolumeOptions: {} }),
    'invalid: VolumeOptions must not be specified on mount type "bind"',
  ],
  [
    mount({ Type: "npipe", Target: "/x", VolumeOptions: {} }),
    'invalid: VolumeOptions must not be specified on mount type "npipe"',
  ],
  [
    mount({ Type: "bind", Target: "/x", Source: "/tmp", ImageOptions: {} }),
    `${inBind}field ImageOptions must not be specified`,
  ],
  [mount({ Type: "bind", Target: "/x", Source: "/tmp", BindOptions: { Propagation: "" } }), "made"],
  [
    mount({ Type: "npipe", Target: "/x", ImageOptions: {} }),
    'invalid: invalid mount config for type "npipe": mount type unknown',
  ],
  [
    mount({ Type: "tmpfs", Target: "/x", TmpfsOptions: { Options: [["uid", "5"]] } }),
    'invalid: invalid mount config for type "tmpfs": invalid option: uid',
  ],
  [
    mount({ Type: "tmpfs", Target: "/x", TmpfsOptions: { Options: [[]] } }),
    'invalid: invalid mount config for type "tmpfs": invalid option array length',
  ],
  [mount({ Type: "tmpfs", Target: "/x", TmpfsOptions: { Options: [["noexec"]] } }), "made"],
  [
    mount({ Type: "tmpfs", Target: "/x", Source: "/tmp" }),
    'invalid: invalid mount config for type "tmpfs": field Source must not be specified',
  ],
  [
    mount({ Type: "volume", Target: "/x", ReadOnly: true }),
    'invalid: invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
  ],
  [mount({ Type: "image", Target: "/x", Source: "busybox" }), "Image mount is an experimental feature"],
];

describe("bodies and their answers", () => {
  for (const [body, expected] of ANSWERS) {
    test(`${JSON.stringify(body)}: ${expected}`, async () => {
      expect(await answer(body)).toBe(expected);
      if (!expected.includes(": ")) return;
      expect(world.traces()).toMatchObject({ snapshots: 0, folders: 0, rows: 0, volumes: 0 });
    });
  }

  test("a bind that holds the engine's own files takes part in what is unmounted there", async () => {
    const refused = `must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${world.folder}"`;
    for (const source of ["/", dirname(world.folder), world.folder, world.root]) {
      expect(await answer(host({ Binds: [`${source}:/x:private`] }))).toContain(refused);
      const asked = mount({ Type: "bind", Source: source, Target: "/x", BindOptions: { Propagation: "slave" } });
      expect(await answer(asked)).toContain(`${refused}, bind mount source: "${source}", propagation: "slave"`);
      const id = await world.create(host({ Binds: [`${source}:/x`, `${source}:/y:rshared`, "/usr:/z"] }));
      const { Mounts = [] } = await inspect(id);
      expect(Mounts.map(({ Propagation }) => Propagation)).toEqual(["rslave", "rshared", "rprivate"]);
    }
  });

  test("modes of binds", () => {
    expect(parseMode("ro,z,rslave")).toEqual({ readOnly: true, noCopy: false, propagation: "rslave", label: "z" });
    for (const bad of ["ro,rw", "ro,", "shared,slave", "x"]) expect(parseMode(bad)).toBeUndefined();
  });
});

describe("what is stored", () => {
  test("defaults are filled in", async () => {
    const { HostConfig, Config } = await inspect(await world.create(host({ Memory: 20_000_000 })));
    expect(HostConfig).toMatchObject({
      NetworkMode: "bridge",
      LogConfig: { Type: "json-file", Config: {} },
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      MemorySwap: 40_000_000,
      IpcMode: "private",
      Runtime: "berth",
      ShmSize: 67108864,
    });
    expect(Config?.Hostname).toHaveLength(12);
  });

  test("a MAC address that is asked for is shown where older clients look, what says nothing is not kept", async () => {
    const { Config, HostConfig } = await inspect(
      await world.create({
        HostConfig: { MemorySwappiness: -1 },
        NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: "02:00:00:00:00:01" } } },
      }),
    );
    expect(Config).toMatchObject({ MacAddress: "02:00:00:00:00:01" });
    expect(HostConfig?.MemorySwappiness).toBeNull();
  });

  test("links are shown by the paths of both names", async () => {
    await world.create({}, "other");
    await world.create(host({ Links: ["other:o", "other"] }), "linked");
    expect((await inspect("linked")).HostConfig?.Links).toEqual(["/other:/linked/o", "/other:/linked/other"]);
    await world.containers.rename("other", "new");
    await world.create({}, "other");
    expect((await inspect("linked")).HostConfig?.Links).toEqual(["/new:/linked/o", "/new:/linked/other"]);
    await world.reboot();
    expect((await inspect("linked")).HostConfig?.Links).toEqual(["/new:/linked/o", "/new:/linked/other"]);
  });

  test("containers whose namespaces are joined are named by id", async () => {
    const other = await world.create({}, "other");
    const { HostConfig } = await inspect(
      await world.create(
        host({ NetworkMode: "container:other", IpcMode: `container:${other}`, PidMode: "container:other" }),
      ),
    );
    const mode = `container:${other}`;
    expect(HostConfig).toMatchObject({ NetworkMode: mode, IpcMode: mode, PidMode: mode });
    const later = await inspect(await world.create(host({ NetworkMode: "container:later" })));
    expect(later.HostConfig?.NetworkMode).toBe("container:later");
  });

  test("mounts of every kind, in inspect's shape", async () => {
    world.image = { Cmd: ["sh"], Volumes: { "/image": {} } };
    const first = await world.create({ HostConfig: { Binds: ["/usr:/b:ro", "data:/v"], Tmpfs: { "/t": "size=1m" } } });
    const second = await world.create({ HostConfig: { VolumesFrom: [`${first}:ro`], Binds: ["/etc:/b"] } });
    expect((await inspect(first)).Mounts).toEqual([
      { Type: "bind", Source: "/usr", Destination: "/b", Mode: "ro", RW: false, Propagation: "rprivate" },
      {
        Type: "volume",
        Name: "data",
        Source: "/volumes/data",
        Destination: "/v",
        Driver: "local",
        Mode: "z",
        RW: true,
        Propagation: "",
      },
      expect.objectContaining({ Type: "volume", Destination: "/image", Mode: "" }),
    ]);
    const anonymous = [...world.volumes.volumes.keys()].find((name) => name !== "data") ?? "";
    const inherited = (await inspect(second)).Mounts?.map(({ Destination, Source, RW }) => [Destination, Source, RW]);
    expect(inherited).toEqual([
      ["/b", "/etc", true],
      ["/v", "/volumes/data", false],
      ["/image", `/volumes/${anonymous}`, false],
    ]);
    expect([...(world.volumes.volumes.get("data")?.users ?? [])].sort()).toEqual([first, second].sort());
    expect(world.volumes.copied).toEqual(["data", anonymous]);
  });

  test("survives a restart of the daemon", async () => {
    const id = await world.create({ Labels: { a: "b" } }, "web");
    await world.reboot();
    expect((await inspect("web")).Id).toBe(id);
    expect(await answer({}, "web")).toStartWith("conflict: ");
  });
});
