import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BERTH, ROOT } from "../support/engine.ts";
import { output, run } from "../support/process.ts";

/** The package is installed into a folder that stands for a host's root: nothing of this host changes. */
let folder: string;
let host: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/berth-package-");
  host = join(folder, "host");
  const made = await output(join(ROOT, "tools/build-package"), ["--quick", folder], { env: { BERTH_BINARY: BERTH } });
  file = made.trim();
  for (const each of ["etc", "var/lib/dpkg/info", "var/lib/dpkg/updates"]) {
    await mkdir(join(host, each), { recursive: true });
  }
  await writeFile(join(host, "var/lib/dpkg/status"), "");
  for (const each of ["group", "gshadow", "passwd"]) await writeFile(join(host, "etc", each), "");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const FLAGS = ["--force-script-chrootless", "--force-depends", "--force-not-root"];
const dpkg = (args: string[]) => run("dpkg", [`--root=${host}`, `--log=${join(folder, "log")}`, ...FLAGS, ...args]);
const path = (name: string) => join(host, name);

describe("the Debian package", () => {
  test("says what it is and needs", async () => {
    const fields = await output("dpkg-deb", ["--field", file]);
    expect(fields).toContain("Package: berth\n");
    expect(fields).toMatch(/^Version: \d+\.\d+\.\d+$/m);
    expect(fields).toMatch(/^Depends: libc6 \(>= 2\.17\)/m);
    expect(fields).toMatch(/^Installed-Size: \d{5,}$/m);
    const rows = (await output("dpkg-deb", ["--contents", file])).trimEnd().split("\n");
    for (const row of rows) expect(row).toMatch(/^[d-]rwxr-xr-x root\/root |^-rw-r--r-- root\/root /);
    const names = rows.map((row) => row.split(/\s+/).at(-1));
    for (const name of ["usr/bin/berth", "etc/berth/daemon.json", "usr/lib/systemd/system/berth.service"]) {
      expect(names).toContain(`./${name}`);
    }
  });

  test("is installed, is run, and leaves its configuration until it is purged", async () => {
    // The host has no other packages: dpkg complains of what is lacking, and goes on as it is told.
    expect((await dpkg(["--install", file])).code).toBe(0);
    expect(await output(path("usr/bin/berth"), ["--version"])).toMatch(/^Berth version \d+\.\d+\.\d+/);
    expect(await readFile(path("etc/group"), "utf8")).toMatch(/^berth:x:\d+:$/m);
    const config = path("etc/berth/daemon.json");
    const checked = await run(path("usr/bin/berth"), ["daemon", "--validate", "--config-file", config]);
    expect([checked.code, checked.stdout]).toEqual([0, "configuration OK\n"]);

    await writeFile(config, '{ "debug": true }\n');
    const again = await dpkg(["--install", file]);
    expect(again.code).toBe(0);
    expect(await readFile(config, "utf8")).toBe('{ "debug": true }\n');

    expect((await dpkg(["--remove", "berth"])).code).toBe(0);
    expect([existsSync(path("usr/bin/berth")), existsSync(config)]).toEqual([false, true]);
    expect((await dpkg(["--purge", "berth"])).code).toBe(0);
    expect(existsSync(path("etc/berth"))).toBe(false);
  });

  test("completes in each shell by asking the command", async () => {
    const tree = join(folder, "tree");
    await output("dpkg-deb", ["--extract", file, tree]);
    const scripts = {
      bash: "bash-completion/completions/berth",
      zsh: "zsh/vendor-completions/_berth",
      fish: "fish/vendor_completions.d/berth.fish",
    };
    for (const [shell, name] of Object.entries(scripts)) {
      const script = await readFile(join(tree, "usr/share", name), "utf8");
      expect(script.trim()).toBe((await output(BERTH, ["completion", shell])).trim());
    }
  });
});

describe("the units", () => {
  const analyze = "/usr/bin/systemd-analyze";
  const reason = existsSync(analyze) ? undefined : `${analyze} is not there (package systemd)`;
  if (reason !== undefined) console.log(`skipped: ${reason}`);
  test.skipIf(reason !== undefined)("are without faults for systemd", async () => {
    // The programs that they name are this host's only once the package is installed.
    const units = join(folder, "units");
    await mkdir(units);
    const names = ["berth.service", "berth.socket", "berth-containers.service"];
    for (const name of names) {
      const text = await readFile(join(ROOT, "packaging", name), "utf8");
      await writeFile(join(units, name), text.replaceAll("/usr/bin/berth", BERTH));
    }
    const { code, stderr } = await run(
      analyze,
      ["verify", "--man=no", "--recursive-errors=no", ...names.map((name) => join(units, name))],
      { env: { SYSTEMD_UNIT_PATH: `${units}:` } },
    );
    expect([code, stderr.split("\n").filter((line) => line.includes("berth"))]).toEqual([0, []]);
  });

  test("let containers outlive the daemon, and are told when it is ready", async () => {
    const text = await readFile(join(ROOT, "packaging/berth.service"), "utf8");
    for (const line of [
      "Type=notify",
      "KillMode=process",
      "Delegate=yes",
      "ExecStart=/usr/bin/berth daemon -H fd://",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });
});
