import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { busyboxEntries, dockerArchive, sha256Hex } from "../../support/images.ts";
import { run } from "../../support/process.ts";
import { OneImageRegistry } from "../../support/registry.ts";
import { tar, type TarEntry } from "../../support/tar.ts";
import { AttackedEngine } from "./world.ts";

/** Archives and images that are made to write, read or fill what is not theirs. */
const attacked = new AttackedEngine();
const { canary } = attacked;
/** How often a race is tried. */
const ROUNDS = 15;
const PLANTED = join(tmpdir(), "berth-planted");

const link = (name: string, target: string): TarEntry => ({ name, type: "2", mode: 0o777, link: target });
const file = (name: string): TarEntry => ({ name, data: "planted" });
const climbing = `${"../".repeat(12)}${PLANTED.slice(1)}`;

/** Layers, each by its trick. */
const HOSTILE: ReadonlyArray<readonly [trick: string, entries: TarEntry[]]> = [
  ["a name that climbs", [file(climbing)]],
  ["a name that climbs from within", [file(`a/b/${"../".repeat(20)}tmp/berth-planted`)]],
  ["an absolute name", [file(PLANTED)]],
  ["a file through a link", [link("way", canary.folder), file("way/planted"), file("way/secret")]],
  ["a file through a link that climbs", [link("way", canary.climbing), file("way/planted")]],
  ["a file over a link", [link("secret", canary.secret), { ...file("secret"), mode: 0o777, uid: 99 }]],
  ["a hard link to the outside", [{ name: "hard", type: "1", link: canary.secret }, file("hard")]],
  ["a hard link that climbs", [{ name: "hard", type: "1", link: `${canary.climbing}/secret` }, file("hard")]],
  [
    "a hard link through a link",
    [link("way", canary.folder), { name: "hard", type: "1", link: "way/secret" }, file("hard")],
  ],
  [
    "mode and owner through a link",
    [link("way", canary.secret), { name: "way", type: "2", mode: 0o4777, uid: 99, gid: 99, link: canary.secret }],
  ],
  [
    "a folder over a link",
    [
      link("way", canary.folder),
      { name: "way/", type: "5", mode: 0o700, uid: 99 },
      { name: "way/inner/", type: "5", mode: 0o700 },
    ],
  ],
  ["a whiteout through a link", [link("way", canary.folder), file("way/.wh.secret"), file("way/.wh..wh..opq")]],
  [
    "a whiteout that climbs",
    [file(`.wh.${climbing}`), file(`a/${"../".repeat(20)}${canary.folder.slice(1)}/.wh.secret`)],
  ],
  ["a whiteout of everything", [file(".wh.."), file(".wh..."), file(".wh.")]],
  ["a device and a file over it", [{ name: "disk", type: "4", major: 8, minor: 0, mode: 0o666 }, file("disk/x")]],
  ["a long name that climbs, in pax", [{ name: "x", data: "planted", pax: { path: climbing } }]],
  [
    "a long link that leads out, in pax",
    [{ name: "way", type: "2", pax: { linkpath: canary.folder } }, file("way/planted")],
  ],
  [
    "attributes of overlay itself",
    [{ name: "x/", type: "5", pax: { "SCHILY.xattr.trusted.overlay.redirect": canary.folder } }, file("x/planted")],
  ],
];

describe("CVE-2014-6407, CVE-2014-9357, CVE-2021-32760: hostile layers", () => {
  const untouched = () => expect(canary.changes()).toEqual([]);

  for (const [trick, entries] of HOSTILE) {
    test(`${trick}: by load and by import`, async () => {
      await attacked.engine.api(
        "POST",
        "/images/load",
        dockerArchive({ name: "hostile:load", layers: [busyboxEntries(), entries] }),
      );
      untouched();
      await attacked.engine.api(
        "POST",
        "/images/create?fromSrc=-&repo=hostile&tag=import",
        tar([...busyboxEntries(), ...entries]),
      );
      untouched();
      for (const name of ["hostile:load", "hostile:import"]) {
        // Where it was taken, a container of it sees its own files only.
        const { stdout } = await attacked.shell("cat /way/secret /secret /hard 2>/dev/null; true", [], name);
        expect(stdout).not.toContain(canary.word);
        await attacked.run(["rmi", "-f", name]);
      }
      untouched();
    });
  }

  test("by pull", async () => {
    for (const [, entries] of HOSTILE) {
      await using registry = await OneImageRegistry.start([...entries, file("ok")]);
      await attacked.run(["pull", "-q", registry.image]);
      untouched();
      await attacked.run(["rmi", "-f", registry.image]);
    }
  });

  test("by cp into a container that runs, and into one that does not", async () => {
    const running = await attacked.sleeper();
    const stopped = (await attacked.run(["create", "busybox:local"])).stdout.trim();
    for (const id of [running, stopped]) {
      for (const [, entries] of HOSTILE) {
        await attacked.engine.api("PUT", `/containers/${id}/archive?path=/tmp`, tar(entries), {
          "Content-Type": "application/x-tar",
        });
        untouched();
      }
      for (const path of ["/tmp/way", "/tmp/way/inner", `/${climbing}`, "/proc/1/root/tmp", "/proc/self/cwd"]) {
        await attacked.engine.api(
          "PUT",
          `/containers/${id}/archive?path=${encodeURIComponent(path)}`,
          tar([file("planted")]),
        );
        untouched();
      }
    }
    await attacked.remove(running, stopped);
  });

  test("by cp out of a container whose links lead out", async () => {
    const image = await attacked.image([
      link("way", canary.folder),
      link("secret", canary.secret),
      link("climb", `${canary.climbing}/secret`),
    ]);
    const id = await attacked.sleeper([], image);
    for (const path of [
      "/way/secret",
      "/secret",
      "/climb",
      "/way/.",
      "/proc/self/root/etc",
      `/${canary.climbing}/secret`,
    ]) {
      const { text } = await attacked.engine.api("GET", `/containers/${id}/archive?path=${encodeURIComponent(path)}`);
      expect(text).not.toContain(canary.word);
    }
    await attacked.remove(id);
  });
});

describe("CVE-2018-15664, CVE-2021-41089: the container swaps links during cp", () => {
  test("in and out", async () => {
    const swapper = await attacked.background(
      `mkdir -p /x/a/inner; echo own > /x/a/secret; ln -s ${canary.folder} /x/b; cd /x
       while [ ! -e /stop ]; do mv a c; mv b a; mv a b; mv c a; done; exec sleep 1000`,
    );
    for (let round = 0; round < ROUNDS; round++) {
      for (const path of ["/x/a", "/x/a/secret", "/x/a/inner"]) {
        // What is swapped away while it is read ends the answer in the midst of it.
        const answer = await attacked.engine
          .api("GET", `/containers/${swapper}/archive?path=${path}`)
          .catch(() => undefined);
        expect(answer?.text ?? "").not.toContain(canary.word);
      }
      for (const path of ["/x/a", "/x/a/inner", "/x"]) {
        const entries =
          path === "/x"
            ? [{ name: "a/", type: "5", mode: 0o700 }, file("a/secret"), file("a/planted")]
            : [file("secret"), file("planted")];
        await attacked.engine.api("PUT", `/containers/${swapper}/archive?path=${path}`, tar(entries));
      }
      expect(canary.changes()).toEqual([]);
    }
    await attacked.remove(swapper);
  });
});

describe("CVE-2022-23648 and copy-up: volumes are filled from the image alone", () => {
  test("a VOLUME that is a link to the host", async () => {
    for (const target of [
      canary.folder,
      canary.climbing,
      `/proc/self/root${canary.folder}`,
      `/proc/1/cwd/${canary.climbing}`,
    ]) {
      const image = await attacked.image([link("way", target), link("deep", "way")], {
        Volumes: { "/way": {}, "/deep": {} },
      });
      const { stdout } = await attacked.shell(
        "cat /way/secret /deep/secret; ls /way /deep; touch /way/planted /deep/planted",
        [],
        image,
      );
      expect(stdout).not.toContain(canary.word);
      expect(stdout).not.toContain("inner");
    }
  });

  test("a VOLUME with .. in its path", async () => {
    for (const path of [`/x/${canary.climbing}`, "/../../tmp", "relative"]) {
      const image = await attacked.image([], { Volumes: { [path]: {} } });
      const { stdout } = await attacked.shell("cat /x/secret; true", [], image);
      expect(stdout).not.toContain(canary.word);
    }
  });

  test("a named volume's sub path that leads out", async () => {
    const made = await attacked.shell(`ln -s ${canary.folder} /v/way; ln -s ${canary.climbing} /v/climb`, [
      "-v",
      "sub:/v",
    ]);
    expect(made.code).toBe(0);
    for (const subpath of ["way", "climb", "way/inner", "../../..", canary.climbing]) {
      const { code } = await attacked.shell("true", [
        "--mount",
        `type=volume,source=sub,target=/m,volume-subpath=${subpath}`,
      ]);
      expect(code).toBeGreaterThan(0);
    }
    await attacked.run(["volume", "rm", "sub"]);
  });
});

describe("CVE-2017-14992, CVE-2023-25153: bombs", () => {
  test("a layer of zeros without end takes neither memory nor disk", async () => {
    const zeros = gzipSync(
      Buffer.concat([tar([{ name: "zeros", claimedSize: 2 ** 28 }]).subarray(0, 512), Buffer.alloc(2 ** 28 + 1024)]),
      { level: 1 },
    );
    const before = peak();
    const answer = await attacked.engine.api("POST", "/images/create?fromSrc=-&repo=bomb&tag=1", zeros);
    expect(answer.status).toBe(200);
    expect(peak() - before).toBeLessThan(200 * 1024);
    expect(await diskUse(join(attacked.engine.dataRoot, "overlay2"))).toBeLessThan(100 * 1024);
    await attacked.run(["rmi", "bomb:1"]);
  });

  test("a manifest and a configuration without end are refused", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const config = `{"config":${deep}}`;
    const archives = [
      tar([{ name: "manifest.json", data: `[${" ".repeat(20 * 1024 * 1024)}]` }]),
      tar([{ name: "manifest.json", data: deep }]),
      tar([
        { name: "c.json", data: config },
        { name: "manifest.json", data: '[{"Config":"c.json","Layers":[]}]' },
      ]),
      tar([
        { name: "c.json", data: `{"a":"${"a".repeat(20 * 1024 * 1024)}"}` },
        { name: "manifest.json", data: '[{"Config":"c.json","Layers":[]}]' },
      ]),
    ];
    for (const archive of archives) {
      const { text } = await attacked.engine.api("POST", "/images/load", archive);
      expect(text).toContain("errorDetail");
    }
    expect(await attacked.engine.answers()).toBe(true);
  });

  function peak(): number {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${attacked.engine.pid}/status`, "utf8"))?.[1]);
  }

  /** Kibibytes that files take on the disk. */
  async function diskUse(folder: string): Promise<number> {
    return Number.parseInt((await run("du", ["-sk", folder])).stdout, 10);
  }
});

describe("CVE-2014-9358, CVE-2021-21285, CVE-2021-41190: names and manifests", () => {
  test("ids and names with path characters are data", async () => {
    const names = [
      "..%2f..%2f..%2fetc%2fpasswd",
      "..%2F..",
      "%00",
      "sha256:..%2f..%2fx",
      "a".repeat(70),
      "sha256:zz",
      "..",
      ".",
      "%2e%2e%2f%2e%2e",
      "a%0ab",
      "%ff%fe",
    ];
    for (const name of names) {
      for (const [method, path] of [
        ["GET", `/images/${name}/json`],
        ["GET", `/containers/${name}/json`],
        ["DELETE", `/containers/${name}?force=1`],
        ["DELETE", `/images/${name}?force=1`],
        ["GET", `/volumes/${name}`],
        ["DELETE", `/volumes/${name}?force=1`],
        ["GET", `/exec/${name}/json`],
        ["GET", `/networks/${name}`],
        ["GET", `/images/${name}/get`],
      ] as const) {
        const { status } = await attacked.engine.api(method, path);
        // Forced removal of a volume that is not there is no failure; 301 is the way of a path with dots.
        if (!(method === "DELETE" && path.startsWith("/volumes/"))) expect([301, 400, 404]).toContain(status);
      }
    }
  });

  test("images that name others' files or layers are refused", async () => {
    const layer = tar([file("x")]);
    const diff = `sha256:${sha256Hex(layer)}`;
    const config = (ids: unknown) =>
      JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: ids } });
    const archive = (manifest: unknown, ids: unknown = [diff]) =>
      tar([
        { name: "c.json", data: config(ids) },
        { name: "l.tar", data: layer },
        { name: "manifest.json", data: JSON.stringify(manifest) },
      ]);
    const manifests = [
      archive([{ Config: "../../../etc/passwd", Layers: ["l.tar"] }]),
      archive([{ Config: "c.json", Layers: ["../../../etc/passwd"] }]),
      archive([{ Config: "c.json", Layers: ["l.tar"], RepoTags: ["../../x:1"] }]),
      archive([{ Config: "c.json", Layers: ["l.tar"], RepoTags: ["a:../x"] }]),
      archive([{ Config: "c.json", Layers: ["l.tar"] }], ["sha256:../../../etc"]),
      archive([{ Config: "c.json", Layers: ["l.tar"] }], [`sha256:${"0".repeat(64)}`]),
      archive([{ Config: "c.json", Layers: ["l.tar"] }], { length: 1 }),
      archive({ Config: "c.json" }),
      archive([{ Config: 7, Layers: null }]),
    ];
    for (const hostile of manifests) {
      const { text } = await attacked.engine.api("POST", "/images/load", hostile);
      expect(text).toContain("errorDetail");
    }
    const index = JSON.stringify({ schemaVersion: 2, manifests: [], layers: [], config: {} });
    const { text } = await attacked.engine.api(
      "POST",
      "/images/load",
      tar([
        { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
        { name: "index.json", data: index },
      ]),
    );
    expect(text).toContain("errorDetail");
  });

  test("an image whose parts are links to the host's files", async () => {
    const archive = tar([
      link("c.json", canary.secret),
      link("l.tar", canary.secret),
      { name: "manifest.json", data: '[{"Config":"c.json","Layers":["l.tar"]}]' },
    ]);
    const { text } = await attacked.engine.api("POST", "/images/load", archive);
    expect(text).toContain("errorDetail");
    expect(text).not.toContain(canary.word);
    await attacked.engine.api("POST", "/images/load", tar([link("manifest.json", canary.secret)]));
  });
});

describe("CVE-2021-41091: the data root is the engine's own", () => {
  test("another user reaches no layer, volume, log or configuration", async () => {
    const image = await attacked.image([{ name: "suid", mode: 0o4755, data: "x" }]);
    const id = await attacked.sleeper(["-v", "private:/v"], image);
    // As in an installation: whoever may walk to the data root must not get further.
    const folder = attacked.engine.folder;
    const list = spawnSync("ls", ["-R", `${folder}/data/`], { uid: 65534, gid: 65534, encoding: "utf8" });
    expect(list.stdout.split("\n").filter((line) => line !== "" && !line.endsWith(":"))).toEqual([]);
    for (const name of ["data", "exec"]) expect(statSync(join(folder, name)).mode & 0o007).toBe(0);
    for (const name of ["containers", "volumes", "overlay2"])
      expect(statSync(join(folder, "data", name)).mode & 0o007 & ~0o001).toBe(0);
    await attacked.remove(id);
    await attacked.run(["volume", "rm", "private"]);
  });
});

test("CVE-2021-21284: without user namespaces asked for there is no remapped root whose rights could be wrong", async () => {
  const { json } = await attacked.engine.api("GET", "/info");
  const { SecurityOptions } = json as { SecurityOptions: string[] }; // info's shape
  expect(SecurityOptions.filter((option) => option.includes("userns"))).toEqual([]);
  const { code } = await attacked.shell("cat /proc/self/uid_map", ["--userns", "remapped"]);
  expect(code).toBeGreaterThan(0);
});

test("a file that cp writes on the host stays beneath the folder asked for", async () => {
  const id = await attacked.background(`mkdir /x; ln -s ${canary.folder} /x/way; echo own > /x/file; exec sleep 1000`);
  const folder = mkdtempSync(join(tmpdir(), "berth-copied-"));
  try {
    writeFileSync(join(folder, "before"), "");
    await attacked.run(["cp", `${id}:/x/.`, folder]);
    await attacked.run(["cp", `${id}:/x/way`, join(folder, "new")]);
    await attacked.run(["cp", "-L", `${id}:/x/way`, join(folder, "followed")]);
    expect(readdirSync(folder).every((name) => ["before", "file", "way", "new"].includes(name))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
  await attacked.remove(id);
});
