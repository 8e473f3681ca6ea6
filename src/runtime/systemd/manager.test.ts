import { expect, test } from "bun:test";
import { FakeSystemd } from "./fake-systemd.test-helper.ts";
import { SystemdManager, type Property } from "./manager.ts";

const SYSTEMD = "org.freedesktop.systemd1.";
const JOB = "/org/freedesktop/systemd1/job/7";
const AT_ONCE = { patience: 0 };
const PROPERTIES: Property[] = [
  ["Slice", "s", "system.slice"],
  ["PIDs", "au", [17]],
  ["Delegate", "b", true],
  ["MemoryMax", "t", 2n ** 63n],
  ["AllowedCPUs", "ay", Uint8Array.of(3)],
];

test("a scope stands when its job is done, whether the signal or the answer comes first", async () => {
  for (const signalFirst of [true, false]) {
    let body: unknown;
    using fake = await FakeSystemd.start((call, caller) => {
      body = call.body();
      caller.otherSignal();
      if (signalFirst) caller.jobRemoved(JOB, "a.scope", "done");
      caller.jobRemoved("/another/job", "b.scope", "failed");
      caller.answer(JOB);
      if (!signalFirst) caller.jobRemoved(JOB, "a.scope", "done");
    });
    await new SystemdManager(fake.socket).startScope("a.scope", PROPERTIES);
    expect(body).toEqual([
      "a.scope",
      "replace",
      [
        ["Slice", { signature: "s", value: "system.slice" }],
        ["PIDs", { signature: "au", value: [17] }],
        ["Delegate", { signature: "b", value: true }],
        ["MemoryMax", { signature: "t", value: 2n ** 63n }],
        ["AllowedCPUs", { signature: "ay", value: [3] }],
      ],
      [],
    ]);
  }
});

test("what an earlier run left under the same name is cleared away first", async () => {
  let exists = true;
  using fake = await FakeSystemd.start((call, caller) => {
    if (call.member === "StartTransientUnit" && exists) return caller.fail(`${SYSTEMD}UnitExists`, "it exists");
    if (call.member === "ResetFailedUnit") return caller.fail(`${SYSTEMD}NoSuchUnit`, "not loaded");
    if (call.member === "StopUnit") exists = false;
    caller.answer(JOB);
    caller.jobRemoved(JOB, "a.scope", "done");
  });
  await new SystemdManager(fake.socket).startScope("a.scope", PROPERTIES);
  expect(fake.calls).toEqual([
    "StartTransientUnit a.scope",
    "StopUnit a.scope",
    "ResetFailedUnit a.scope",
    "StartTransientUnit a.scope",
  ]);
});

test("a refusal and a job that fails are told with the unit's name", async () => {
  using refusing = await FakeSystemd.start((_call, caller) => caller.fail(`${SYSTEMD}BadUnitSetting`, "no such thing"));
  const manager = new SystemdManager(refusing.socket);
  expect(await reason(manager.startScope("a.scope", []))).toBe('unable to start unit "a.scope": no such thing');

  using failing = await FakeSystemd.start((_call, caller) => {
    caller.answer(JOB);
    caller.jobRemoved(JOB, "a.scope", "canceled");
  });
  const other = new SystemdManager(failing.socket);
  expect(await reason(other.startScope("a.scope", []))).toBe('unable to start unit "a.scope": systemd says "canceled"');
});

test("stopping and changing what is gone is nothing", async () => {
  using fake = await FakeSystemd.start((_call, caller) => caller.fail(`${SYSTEMD}NoSuchUnit`, "not loaded"));
  const manager = new SystemdManager(fake.socket);
  await manager.stop("a.scope");
  await manager.setProperties("a.scope", PROPERTIES);
  expect(fake.calls).toEqual(["StopUnit a.scope", "SetUnitProperties a.scope", "GetUnit a.scope"]);
});

test("a connection that ends, an unreadable answer, a refusal of access and a socket without listener are errors", async () => {
  using leaving = await FakeSystemd.start((_call, caller) => caller.hangUp());
  expect(await reason(new SystemdManager(leaving.socket, AT_ONCE).stop("a.scope"))).toBe("the connection ended");

  using halfway = await FakeSystemd.start((_call, caller) => {
    caller.answer(JOB);
    caller.hangUp();
  });
  expect(await reason(new SystemdManager(halfway.socket, AT_ONCE).stop("a.scope"))).toBe("the connection ended");

  using babbling = await FakeSystemd.start((_call, caller) => caller.answerUnreadably());
  expect(await reason(new SystemdManager(babbling.socket).stop("a.scope"))).toContain("unknown D-Bus type");

  using closed = await FakeSystemd.start(() => undefined, "REJECTED EXTERNAL\r\n");
  expect(await reason(new SystemdManager(closed.socket).stop("a.scope"))).toContain("access was refused");

  expect(await reason(new SystemdManager("/nowhere/private", AT_ONCE).stop("a.scope"))).toContain(
    "systemd support for managing cgroups is not available",
  );
});

test("systemd that executes itself anew is asked again, and what it had made by then stays", async () => {
  let calls = 0;
  let cgroups = "0::/elsewhere\n";
  using fake = await FakeSystemd.start((call, caller) => {
    calls += 1;
    // Before its answer, and in the midst of the job.
    if (calls === 1) return caller.hangUp();
    if (calls === 2) {
      caller.answer(JOB);
      return caller.hangUp();
    }
    cgroups = "0::/system.slice/a.scope\n";
    if (call.member === "StartTransientUnit") return caller.fail(`${SYSTEMD}UnitExists`, "it exists");
    caller.answer(JOB);
    caller.jobRemoved(JOB, "a.scope", "done");
  });
  const manager = new SystemdManager(fake.socket, { cgroupsOf: async () => cgroups });
  await manager.startScope("a.scope", PROPERTIES);
  expect(fake.calls).toEqual(Array.from({ length: 3 }, () => "StartTransientUnit a.scope"));
  calls = 0;
  await manager.stop("a.scope");
  expect(fake.calls.slice(3)).toEqual(Array.from({ length: 3 }, () => "StopUnit a.scope"));
});

function reason(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}
