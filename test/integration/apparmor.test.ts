import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { shimOf } from "../support/host.ts";
import { output } from "../support/process.ts";
import { eventually } from "../support/wait.ts";
import { LimitedWorld } from "./cgroups/world.ts";

const enabled = "/sys/module/apparmor/parameters/enabled";
const reason = !existsSync(enabled)
  ? "this kernel has no AppArmor (tools/vm/test has one)"
  : !readFileSync(enabled, "utf8").startsWith("Y")
    ? "AppArmor is off"
    : existsSync("/sbin/apparmor_parser")
      ? undefined
      : "there is no apparmor_parser";
if (reason !== undefined) console.log(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)("AppArmor", () => {
  const OWN = `berth-test-${process.pid}`;
  let world: LimitedWorld;
  beforeAll(async () => {
    world = await LimitedWorld.start();
    const rules = "file, network, capability, signal, deny /tmp/** w,";
    await output("/sbin/apparmor_parser", ["--replace", "--skip-cache"], { input: `profile ${OWN} { ${rules} }\n` });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await output("/sbin/apparmor_parser", ["--remove"], { input: `profile ${OWN} { }\n` });
  });

  const PROFILE = ["cat", "/proc/self/attr/current"];
  const by = (...options: string[]) => ({ SecurityOpt: options.map((option) => `apparmor=${option}`) });
  const mounter = { CapAdd: ["SYS_ADMIN"] };
  const MOUNT = ["sh", "-c", "mount -t tmpfs none /tmp && echo mounted"];

  test("gives containers the default profile, and their execs", async () => {
    const id = await world.begin({}, "sleep", "1000");
    expect(await world.exec(id, ...PROFILE)).toBe("docker-default (enforce)");
    expect(await world.exec(id, "cat", "/proc/1/attr/current")).toBe("docker-default (enforce)");
    expect(await world.inspect(id)).toHaveProperty("AppArmorProfile", "docker-default");
    // It lets signals through: from outside, and among the container's own.
    expect(await world.exec(id, "sh", "-c", "sleep 1000 & kill $!; wait $!; echo $?")).toBe("143");
    expect((await world.engine.api("POST", `/containers/${id}/kill`)).status).toBe(204);
    await world.engine.api("POST", `/containers/${id}/wait`);
    expect((await world.inspect(id)).State.ExitCode).toBe(137);
    await world.remove(id);
    expect((await world.engine.api("GET", "/info")).json).toHaveProperty("SecurityOptions[0]", "name=apparmor");
  });

  test("lets a container end with its supervisor while no daemon is there", async () => {
    for (const more of [{}, { SecurityOpt: ["no-new-privileges"] }]) {
      const id = await world.begin(more, "sleep", "1000");
      const { Pid } = (await world.inspect(id)).State;
      const shim = shimOf(world.engine, id);
      await world.engine.kill9();
      process.kill(shim, "SIGKILL");
      await eventually("its end", () => !existsSync(`/proc/${Pid}`));
      await world.engine.start();
      expect((await world.inspect(id)).State.ExitCode).toBe(137);
      await world.remove(id);
    }
  });

  test("by default denies what a capability would allow", async () => {
    expect((await world.run(mounter, ...MOUNT)).output).toContain("denied");
    expect((await world.run({ ...mounter, ...by("unconfined") }, ...MOUNT)).output).toBe("mounted\n");
  });

  test("is off for a privileged container", async () => {
    expect((await world.run({ Privileged: true }, ...PROFILE)).output).toBe("unconfined\n");
  });

  test("applies the profile that is asked for", async () => {
    const script = ["sh", "-c", "cat /proc/self/attr/current; echo x >/tmp/x; echo x >/x && echo written"];
    for (const more of [{}, { Privileged: true }]) {
      const { output } = await world.run({ ...more, ...by(OWN) }, ...script);
      expect(output).toStartWith(`${OWN} (enforce)\n`);
      expect(output).toContain("/tmp/x: Permission denied");
      expect(output).toEndWith("written\n");
    }
  });

  test("refuses a start with one that is not loaded", async () => {
    await expect(world.begin(by("no-such-profile"), "true")).rejects.toThrow("is not loaded on this host");
  });
});
