import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BERTH } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";
import { AttackedEngine } from "./world.ts";

/** Attacks from within a container on whoever starts or enters it. */
const attacked = new AttackedEngine();
const { canary } = attacked;
/** How often a race is tried. */
const ROUNDS = 10;

/**
 * Looks, until `/tmp/stop` is there, at each process that is not this image's own: writes down which descriptors it can see,
 * and that its program, memory or descriptors could be opened for writing.
 */
const WATCHER = `
  : > /tmp/found
  root=$(stat -c %d:%i /)
  echo ready > /tmp/ready
  while [ ! -e /tmp/stop ]; do
    for process in /proc/[0-9]*; do
      exe=$(readlink $process/exe 2>/dev/null) || continue
      case "$exe" in /bin/busybox*) continue;; esac
      for fd in $process/fd/*; do
        to=$(readlink $fd 2>/dev/null) || continue
        case "$to" in /dev/null|/dev/pts/*|pipe:*|/proc/*|socket:*|anon_inode:*) continue;; esac
        # The container's own root is no secret; the host's would have this name too
        [ "$to" = / ] && { at=$(stat -Lc %d:%i $fd 2>/dev/null) || continue; [ "$at" = "$root" ] && continue; }
        echo "sees $to" >> /tmp/found
      done
      (: >> $process/exe) 2>/dev/null && echo "writes $exe" >> /tmp/found
      (: >> $process/mem) 2>/dev/null && echo "writes the memory of $exe" >> /tmp/found
      cat $process/environ 2>/dev/null | tr '\\0' '\\n' | grep -i berth >> /tmp/found
      cat $process/root${canary.secret} $process/cwd/${canary.secret} 2>/dev/null >> /tmp/found
    done
  done
  echo done > /tmp/ready
  exec sleep 1000`;

/** A program of its own in an image. */
async function compiledImage(name: string, source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "berth-compiled-"));
  try {
    writeFileSync(join(folder, "source.c"), source);
    execFileSync("cc", ["-static", "-o", join(folder, name), join(folder, "source.c")]);
    return await attacked.image([{ name, mode: 0o755, data: readFileSync(join(folder, name)) }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The program of the process that holds a container. */
async function shimOf(id: string): Promise<string> {
  const { json } = await attacked.engine.api("GET", `/containers/${id}/json`);
  const { State } = json as { State: { Pid: number } }; // inspect's shape
  const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${State.Pid}/status`, "utf8"))?.[1];
  return `/proc/${parent}/exe`;
}

async function watched(id: string, enter: (round: number) => Promise<unknown>): Promise<string> {
  const ready = (word: string) => async () =>
    (await attacked.run(["exec", id, "cat", "/tmp/ready"])).stdout === `${word}\n`;
  await eventually("the watcher's start", ready("ready"));
  for (let round = 0; round < ROUNDS; round++) await enter(round);
  await attacked.run(["exec", id, "touch", "/tmp/stop"]);
  await eventually("the watcher's end", ready("done"));
  return (await attacked.run(["exec", id, "cat", "/tmp/found"])).stdout;
}

/**
 * CAP_SYS_PTRACE opens the memory of every process in the container's pid namespace (ptrace(2), "Ptrace access mode
 * checking"), also of the one that is about to become the command: no engine can take that back. What it may find there
 * is what the other lines are about.
 */
function withoutMemory(found: string): string {
  return found.replaceAll(/^writes the memory of .*\n/gm, "");
}

describe("CVE-2019-5736, CVE-2016-9962, CVE-2015-3627: the container goes for the process that enters it", () => {
  for (const options of [[], ["--cap-add", "SYS_PTRACE"], ["--user", "guest"]]) {
    test(`exec of /proc/self/exe and of a command, watched by ${options.join(" ") || "root"}`, async () => {
      const id = await attacked.background(WATCHER, options);
      const shim = await shimOf(id);
      const before = { shim: sha256(shim), berth: sha256(BERTH) };
      const found = await watched(id, (round) =>
        attacked.run(["exec", id, ...(round % 2 === 0 ? ["/proc/self/exe"] : ["sh", "-c", ": >> /proc/self/exe; id"])]),
      );
      expect({ shim: sha256(shim), berth: sha256(BERTH) }).toEqual(before);
      expect(options.includes("SYS_PTRACE") ? withoutMemory(found) : found).toBe("");
      await attacked.remove(id);
    });
  }

  for (const limit of [[], ["--pids-limit", "2"]]) {
    const how = limit.length === 0 ? "" : " into a container that is full";
    test(`exec${how}, watched by SYS_PTRACE without a pause: nothing is of the host`, async () => {
      const image = await compiledImage("watch", readFileSync(new URL("watcher.c", import.meta.url), "utf8"));
      // Two processes: PID 1 and the one that PID 1 waits for
      const id = await attacked.background("/watch & wait", ["--cap-add", "SYS_PTRACE", ...limit], image);
      const found = await watched(id, () => attacked.run(["exec", id, "true"]));
      // A command moves itself into a full container, by the file of that container's own cgroup
      expect(limit.length === 0 ? found : found.replaceAll(/^sees .*\/(tasks|cgroup\.procs)\n/gm, "")).toBe("");
      await attacked.remove(id);
    });
  }

  test("an image whose entrypoint is a link to /proc/self/exe", async () => {
    const image = await attacked.image([{ name: "run", type: "2", link: "/proc/self/exe" }], { Entrypoint: ["/run"] });
    const other = await attacked.sleeper();
    const shim = await shimOf(other);
    const before = { shim: sha256(shim), berth: sha256(BERTH) };
    const { code } = await attacked.run(["run", "--rm", image, "daemon", "--help"]);
    expect(code).toBeGreaterThan(0);
    expect({ shim: sha256(shim), berth: sha256(BERTH) }).toEqual(before);
    await attacked.remove(other);
  });
});

describe("CVE-2024-21626: what an exec is given", () => {
  test("stdin, stdout, stderr, and no other descriptor", async () => {
    const id = await attacked.sleeper();
    const list = "for fd in /proc/$$/fd/*; do [ -L $fd ] && echo ${fd##*/}; done";
    for (const options of [[], ["-i"], ["-u", "guest"], ["--privileged"]]) {
      const { stdout } = await attacked.run(["exec", ...options, id, "sh", "-c", list]);
      expect(stdout.split("\n").filter(Boolean)).toEqual(["0", "1", "2"]);
    }
    await attacked.remove(id);
  });

  test("no working directory among descriptors", async () => {
    const id = await attacked.sleeper();
    for (let fd = 3; fd < 12; fd++) {
      const { code, stdout } = await attacked.run([
        "exec",
        "-w",
        `/proc/self/fd/${fd}`,
        id,
        "cat",
        `${canary.climbing}/secret`,
      ]);
      expect(code).toBeGreaterThan(0);
      expect(stdout).not.toContain(canary.word);
    }
    await attacked.remove(id);
  });

  test("no directory that was swapped for a link to one", async () => {
    const id = await attacked.sleeper();
    await attacked.run(["exec", id, "ln", "-s", "/proc/self/fd/7", "/way"]);
    const { stdout } = await attacked.run(["exec", "-w", "/way", id, "cat", `${canary.climbing}/secret`]);
    expect(stdout).not.toContain(canary.word);
    await attacked.remove(id);
  });
});

describe("CVE-2021-30465, CVE-2024-45310: the target of a mount is swapped for a link", () => {
  test("while containers start with a mount on it", async () => {
    const swapper = await attacked.background(
      `cd /v; mkdir -p a/in; ln -s ${canary.climbing} b
       while [ ! -e stop ]; do mv a c; mv b a; mv a b; mv c a; done; rm -rf a b c`,
      ["-v", "swapped:/v"],
    );
    for (let round = 0; round < ROUNDS; round++) {
      const script = `cat /v/a/secret /v/a/in/secret /v/b/secret; touch /v/a/planted /v/a/in/planted /mounted/planted; true`;
      const { stdout } = await attacked.shell(script, [
        "-v",
        "swapped:/v",
        "-v",
        "inner:/v/a/in",
        "--tmpfs",
        "/v/a/tmp",
      ]);
      expect(stdout).not.toContain(canary.word);
      expect(canary.changes()).toEqual([]);
    }
    await attacked.run(["exec", swapper, "touch", "/v/stop"]);
    await attacked.run(["wait", swapper]);
    await attacked.remove(swapper);
    await attacked.run(["volume", "rm", "swapped", "inner"]);
  });
});

describe("CVE-2020-15257: sockets of the engine", () => {
  test("a container in the host's network finds none that is abstract", async () => {
    const id = await attacked.sleeper(["--network", "host"]);
    const { stdout } = await attacked.run(["exec", id, "cat", "/proc/net/unix"]);
    const abstract = stdout.split("\n").filter((line) => line.includes("@"));
    expect(
      abstract.filter((line) => line.includes("berth") || line.includes("shim") || line.includes(id.slice(0, 12))),
    ).toEqual([]);
    await attacked.remove(id);
  });

  test("folders of the engine's sockets are its own", async () => {
    const id = await attacked.sleeper();
    expect(statSync(attacked.engine.execRoot).mode & 0o077).toBe(0);
    const sockets = readdirSync(attacked.engine.execRoot, { recursive: true, encoding: "utf8" })
      .map((name) => join(attacked.engine.execRoot, name))
      .filter((path) => statSync(path).isSocket());
    expect(sockets.length).toBeGreaterThan(0);
    await attacked.remove(id);
  });
});

describe('"shocker": files by handle', () => {
  const SOURCE = String.raw`
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <string.h>
    int main(void) {
      struct { struct file_handle head; unsigned char data[8]; } handle = { { 8, 1 }, { 2 } };
      int fd = open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY);
      printf("%s\n", fd < 0 ? strerror(errno) : "opened");
      return 0;
    }`;

  test("cannot be opened, not even with the capability dropped by the filter alone", async () => {
    const image = await compiledImage("shocker", SOURCE);
    expect((await attacked.run(["run", "--rm", image, "/shocker"])).stdout).toBe("Operation not permitted\n");
    const open = ["--security-opt", "seccomp=unconfined"];
    expect((await attacked.run(["run", "--rm", ...open, image, "/shocker"])).stdout).toBe("Operation not permitted\n");
  });
});

describe("CVE-2019-14271: nothing of a container is loaded into the engine", () => {
  test("while it serves cp, users and exec of an image with libraries of its own", async () => {
    const library = { mode: 0o755, data: "not a library, but it would be mapped before that is known" };
    const image = await attacked.image([
      { name: "etc/nsswitch.conf", data: "passwd: evil\ngroup: evil\nhosts: evil\n" },
      ...["lib/libnss_evil.so.2", "lib/x86_64-linux-gnu/libnss_files.so.2", "usr/lib/libnss_evil.so.2"].map((name) => ({
        name,
        ...library,
      })),
      { name: "etc/ld.so.preload", data: "/lib/libnss_evil.so.2\n" },
    ]);
    const id = await attacked.sleeper(["--user", "guest"], image);
    const before = mapped();
    expect((await attacked.run(["cp", `${id}:/etc`, "-"])).code).toBe(0);
    expect((await attacked.run(["cp", "/etc/passwd", `${id}:/tmp`])).code).toBe(0);
    expect((await attacked.run(["exec", "-u", "405", id, "id", "-un"])).stdout).toBe("guest\n");
    expect(mapped().filter((path) => !before.includes(path) && /nss|\/lib\//.test(path))).toEqual([]);
    expect(mapped().filter((path) => path.startsWith(attacked.engine.dataRoot) && !/\.db/.test(path))).toEqual([]);
    await attacked.remove(id);
  });

  function mapped(): string[] {
    const maps = readFileSync(`/proc/${attacked.engine.pid}/maps`, "utf8");
    return [...new Set([...maps.matchAll(/ (\/.*)$/gm)].map(([, path = ""]) => path))];
  }
});
