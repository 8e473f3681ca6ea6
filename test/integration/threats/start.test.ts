import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { busyboxEntries, dockerArchive } from "../../support/images.ts";
import type { TarEntry } from "../../support/tar.ts";
import { AttackedEngine } from "./world.ts";

/** Attacks by images and by what is asked of a start: each is really tried, and finds nothing outside of the container. */
const attacked = new AttackedEngine();
const { canary } = attacked;
const link = (name: string, target: string): TarEntry => ({ name, type: "2", mode: 0o777, link: target });

describe("CVE-2024-21626: a working directory among the engine's descriptors", () => {
  const read = `cat ${canary.climbing}/secret; pwd`;

  for (let fd = 3; fd < 10; fd++) {
    test(`/proc/self/fd/${fd} as --workdir`, async () => {
      const { code, stdout } = await attacked.shell(read, ["-w", `/proc/self/fd/${fd}`]);
      expect({ failed: code > 0, stdout }).toEqual({ failed: true, stdout: "" });
    });
  }

  test("by the image's own working directory, through a link", async () => {
    for (const target of ["/proc/self/fd/7", "/proc/1/fd/8", "/proc/thread-self/fd/9", "/proc/self/cwd"]) {
      const image = await attacked.image([link("way", target)], { WorkingDir: "/way" });
      const { stdout } = await attacked.shell(read, [], image);
      expect(stdout).not.toContain(canary.word);
    }
  });

  test("PID 1 has stdin, stdout and stderr, and nothing else", async () => {
    const { stdout } = await attacked.shell("for fd in /proc/1/fd/*; do [ -L $fd ] && echo ${fd##*/}; done");
    expect(stdout.split("\n").filter(Boolean)).toEqual(["0", "1", "2"]);
  });
});

describe("CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2015-3630: something is put over /proc", () => {
  const refused = async (options: string[], image?: string) => {
    const { code, stdout, stderr } = await attacked.shell("echo started", options, image);
    expect(stdout).toBe("");
    expect(code).toBeGreaterThan(0);
    return stderr;
  };

  for (const target of [
    "/proc",
    "/proc/",
    "/proc/sys",
    "/proc/self",
    "/proc/self/attr",
    "/proc/1/attr/exec",
    "/proc/fs/x",
    "/tmp/../proc",
  ]) {
    test(`a bind at ${target}`, async () => {
      await refused(["-v", `${canary.folder}:${target}`]);
    });
  }

  test("a volume and a tmpfs", async () => {
    expect(await refused(["-v", "over-proc:/proc/sys"])).toContain("proc-safety");
    expect(await refused(["--tmpfs", "/proc"])).toContain("proc-safety");
    expect(await refused(["--tmpfs", "/proc/acpi"])).toContain("proc-safety");
    await attacked.run(["volume", "rm", "over-proc"]);
  });

  test("a VOLUME of the image", async () => {
    await refused([], await attacked.image([], { Volumes: { "/proc": {} } }));
    await refused([], await attacked.image([link("way", "proc/self/attr")], { Volumes: { "/way": {} } }));
    await refused(["-v", `${canary.folder}:/way/sys`], await attacked.image([link("way", "/proc")]));
  });

  test("the image's /proc is a link to a folder of its own", async () => {
    const withoutProc = busyboxEntries().filter((entry) => entry.name !== "proc/");
    const entries = [
      ...withoutProc,
      { name: "fake/", type: "5", mode: 0o755 },
      { name: "fake/sys/", type: "5" },
      link("proc", "fake"),
    ];
    await attacked.engine.load(dockerArchive({ name: "linked-proc:local", layers: [entries] }));
    const { stdout } = await attacked.shell(
      "stat -f -c %T /proc/; cat /proc/self/attr/current /fake/sys/kernel 2>&1; echo",
      [],
      "linked-proc:local",
    );
    // Refused, or a real procfs: never a start whose masks and settings went into the image's folder.
    expect(["", "proc"]).toContain(stdout.split("\n")[0] ?? "");
  });
});

describe("CVE-2025-31133, CVE-2025-52565, CVE-2018-10892: masks", () => {
  const planted = async (names: Record<string, string>) => {
    const volume = "planted-dev";
    const script = Object.entries(names)
      .map(([name, target]) => `ln -sfn ${target} /v/${name}`)
      .join("; ");
    await attacked.shell(script, ["-v", `${volume}:/v`]);
    return volume;
  };

  test("/dev/null of a volume at /dev is a link to the host's file", async () => {
    const volume = await planted({ null: canary.secret, console: canary.secret, ptmx: canary.secret });
    for (const terminal of [[], ["-t"]]) {
      const script = "head -c 30 /proc/kcore /proc/keys /proc/timer_list; echo evil > /dev/console";
      const { stdout } = await attacked.shell(script, [...terminal, "-v", `${volume}:/dev`]);
      expect(stdout).not.toContain(canary.word);
    }
    await attacked.run(["volume", "rm", "-f", volume]);
  });

  test("the image's /dev/null and /dev/console are links", async () => {
    const image = await attacked.image([
      link("dev/null", canary.secret),
      link("dev/console", "/proc/sys/kernel/core_pattern"),
      link("dev/pts", canary.folder),
      link("dev/shm", canary.folder),
    ]);
    const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
    for (const terminal of [[], ["-t"]]) {
      const script = "echo evil > /dev/console; echo evil > /dev/null; touch /dev/shm/evil; stat -c %t:%T /dev/null";
      const { stdout } = await attacked.shell(script, terminal, image);
      expect(stdout.replaceAll("\r", "").trimEnd().split("\n").at(-1)).toBe("1:3");
    }
    expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(pattern);
  });

  test("each path of the default list is empty or cannot be read", async () => {
    const id = await attacked.sleeper();
    const { json } = await attacked.engine.api("GET", `/containers/${id}/json`);
    const { HostConfig } = json as { HostConfig: { MaskedPaths: string[]; ReadonlyPaths: string[] } }; // inspect's shape
    expect(HostConfig.MaskedPaths).toContain("/proc/acpi");
    const sizes = HostConfig.MaskedPaths.map(
      (path) =>
        `if [ -d ${path} ]; then ls -A ${path} | wc -l; elif [ -e ${path} ]; then head -c 9 ${path} | wc -c; fi`,
    );
    const { stdout } = await attacked.run(["exec", id, "sh", "-c", sizes.join("\n")]);
    expect(new Set(stdout.split("\n").filter(Boolean))).toEqual(new Set(["0"]));
    const writes = HostConfig.ReadonlyPaths.map((path) => `touch ${path} ${path}/evil && echo written ${path}`);
    expect((await attacked.run(["exec", id, "sh", "-c", writes.join("\n")])).stdout).toBe("");
    expect((await attacked.run(["exec", id, "sh", "-c", "echo h > /proc/sysrq-trigger && echo written"])).stdout).toBe(
      "",
    );
    await attacked.remove(id);
  });
});

describe("CVE-2025-52881: settings of the kernel", () => {
  /** Of the host, and without harm. */
  const SETTING = "/proc/sys/kernel/core_uses_pid";

  for (const name of [
    "net/../kernel/core_uses_pid",
    "net..kernel.core_uses_pid",
    "net/ipv4/../../kernel/core_uses_pid",
    "kernel.core_uses_pid",
    "vm.swappiness",
    "../tmp/x",
  ]) {
    test(`--sysctl ${name} is refused`, async () => {
      const before = readFileSync(SETTING, "utf8");
      const { code, stdout } = await attacked.shell("echo started", [
        "--sysctl",
        `${name}=${before.startsWith("0") ? 1 : 0}`,
      ]);
      const after = readFileSync(SETTING, "utf8");
      writeFileSync(SETTING, before);
      expect({ failed: code > 0, stdout, after }).toEqual({ failed: true, stdout: "", after: before });
    });
  }
});

describe("CVE-2022-0492: control groups from inside", () => {
  test("nothing of them can be mounted, unshared or written", async () => {
    const script = `
      mkdir /tmp/c
      mount -t cgroup -o memory x /tmp/c && echo mounted v1
      mount -t cgroup2 x /tmp/c && echo mounted v2
      mount -t tmpfs x /tmp/c && echo mounted tmpfs
      unshare -m true && echo unshared mounts
      unshare -U true && echo unshared users
      for group in $(awk '/ - cgroup/ { print $5 }' /proc/self/mountinfo); do
        mkdir $group/evil && echo made $group
        for file in release_agent notify_on_release cgroup.procs tasks; do
          [ -e $group/$file ] && echo ${canary.secret} > $group/$file && echo wrote $group/$file
        done
      done
      echo end`;
    for (const options of [[], ["--cap-add", "DAC_OVERRIDE"], ["--user", "guest"]]) {
      expect((await attacked.shell(script, options)).stdout).toBe("end\n");
    }
  });
});

describe("CVE-2016-3697, CVE-2024-40635: users", () => {
  const hostile: TarEntry = {
    name: "etc/passwd",
    data: "1000:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n2147483648:x:0:0::/:/bin/sh\nbig:x:4294967296:0::/:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n",
  };

  test("a name of digits is a number", async () => {
    const image = await attacked.image([hostile]);
    expect((await attacked.shell("id -u", ["--user", "1000"], image)).stdout).toBe("1000\n");
    const id = await attacked.sleeper([], image);
    expect((await attacked.run(["exec", "-u", "1000", id, "id", "-u"])).stdout).toBe("1000\n");
    await attacked.remove(id);
  });

  for (const user of ["2147483648", "-1", "4294967295", "4294967296", "18446744073709551616", "1:2147483648", "1:-1"]) {
    test(`${user} is refused`, async () => {
      const image = await attacked.image([hostile]);
      const { code, stdout, stderr } = await attacked.shell("id -u", ["--user", user], image);
      expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
      expect(stderr).toContain("uids and gids must be in range 0-2147483647");
    });
  }

  test("a number of the image's files that is too large is refused", async () => {
    const { stdout } = await attacked.shell("id -u", ["--user", "big"], await attacked.image([hostile]));
    expect(stdout).not.toBe("0\n");
  });
});

describe("CVE-2022-36109, CVE-2023-25173: groups are set up as Docker's", () => {
  const cases: Array<[user: string, id: string]> = [
    ["guest", "uid=405(guest) gid=100(users) groups=6(disk),100(users),100(users)"],
    ["405", "uid=405(guest) gid=100(users) groups=6(disk),100(users),100(users)"],
    ["405:0", "uid=405(guest) gid=0(root) groups=0(root)"],
    ["1234", "uid=1234 gid=0(root) groups=0(root)"],
    ["guest:daemon", "uid=405(guest) gid=1(daemon) groups=1(daemon)"],
    [":daemon", "uid=0(root) gid=1(daemon) groups=1(daemon)"],
    ["1234:100", "uid=1234 gid=100(users) groups=100(users)"],
    ["0", "uid=0(root) gid=0(root) groups=0(root)"],
    ["2147483647", "uid=2147483647 gid=0(root) groups=0(root)"],
  ];
  test.each(cases)("run and exec with the user %s", async (user, expected) => {
    expect((await attacked.shell("id", ["--user", user])).stdout).toBe(`${expected}\n`);
    const id = await attacked.sleeper();
    expect((await attacked.run(["exec", "--user", user, id, "id"])).stdout).toBe(`${expected}\n`);
    await attacked.remove(id);
  });

  test("by the image's USER", async () => {
    expect((await attacked.shell("id", [], await attacked.image([], { User: "guest" }))).stdout).toBe(
      `${cases[0]?.[1]}\n`,
    );
  });
});

describe("CVE-2022-29162, CVE-2022-24769, CVE-2016-8867: capabilities", () => {
  const DEFAULT = "00000000a80425fb";
  const NONE = "0000000000000000";
  const sets = (text: string) =>
    Object.fromEntries([...text.matchAll(/^Cap(\w+):\t(\w+)$/gm)].map(([, set, value]) => [set, value]));
  const root = { Inh: NONE, Prm: DEFAULT, Eff: DEFAULT, Bnd: DEFAULT, Amb: NONE };
  const user = { Inh: NONE, Prm: NONE, Eff: NONE, Bnd: DEFAULT, Amb: NONE };

  test("of run and exec, as root and as a user", async () => {
    const read = "cat /proc/self/status";
    expect(sets((await attacked.shell(read)).stdout)).toEqual(root);
    expect(sets((await attacked.shell(read, ["--user", "guest"])).stdout)).toEqual(user);
    const id = await attacked.sleeper();
    expect(sets((await attacked.run(["exec", id, "cat", "/proc/self/status"])).stdout)).toEqual(root);
    expect(sets((await attacked.run(["exec", "-u", "guest", id, "cat", "/proc/self/status"])).stdout)).toEqual(user);
    expect(
      sets((await attacked.run(["exec", "-u", "guest", "--privileged", id, "cat", "/proc/self/status"])).stdout),
    ).toMatchObject({ Inh: NONE, Eff: NONE, Amb: NONE });
    await attacked.remove(id);
  });
});
