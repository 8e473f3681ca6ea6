import { describe, expect, test } from "bun:test";
import type { SeccompSpec } from "../../spec/index.ts";
import { selectArchitectures, syscallNumbers } from "./architectures.ts";
import { compileSeccomp } from "./compile.ts";
import { DEFAULT_PROFILE } from "./default-profile.ts";
import { runFilter } from "./interpreter.test-helper.ts";
import { parseProfile, resolveProfile } from "./profile.ts";

const ALLOW = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const KILL = 0;
const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ARM64 = 0xc00000b7;

const DOCKER_CAPABILITIES =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    .split(" ")
    .map((name) => `CAP_${name}`);

function defaultSpec(extra: string[] = [], machine: "x64" | "arm64" = "x64"): SeccompSpec {
  const spec = resolveProfile(DEFAULT_PROFILE, {
    capabilities: [...DOCKER_CAPABILITIES, ...extra],
    machine,
    kernel: "6.1.0-1-amd64",
  });
  if (spec === undefined) throw new Error("the default profile is empty");
  return spec;
}

function callerOf(spec: SeccompSpec, machine: "x64" | "arm64" = "x64") {
  const { program } = compileSeccomp(spec, machine);
  return (number: number, args: bigint[] = [], architecture = machine === "x64" ? X86_64 : ARM64) =>
    runFilter(program, { number, architecture, args });
}

describe("the default profile", () => {
  const call = callerOf(defaultSpec());

  test.each([
    ["read", 0, [], ALLOW],
    ["execve", 59, [], ALLOW],
    ["mount", 165, [], EPERM],
    ["keyctl", 250, [], EPERM],
    ["bpf", 321, [], EPERM],
    ["open_by_handle_at", 304, [], EPERM],
    ["chroot, by capability", 161, [], ALLOW],
    ["ptrace, by kernel", 101, [], ALLOW],
    ["clone of a thread", 56, [0x3d0f00n], ALLOW],
    ["clone with a user namespace", 56, [0x10000000n], EPERM],
    ["clone3, so that libc falls back", 435, [], ENOSYS],
    ["a call that is newer than the profile", 480, [], ENOSYS],
    ["socket of AF_INET", 41, [2n], ALLOW],
    ["socket of AF_ALG", 41, [38n], EPERM],
    ["socket of AF_VSOCK", 41, [40n], EPERM],
    ["socket with high bits set", 41, [0x1_0000_0000n], ALLOW],
    ["personality of Linux", 135, [0n], ALLOW],
    ["personality that turns randomisation off", 135, [0x40000n], EPERM],
    ["personality, asked", 135, [0xffffffffn], ALLOW],
    ["personality, all 64 bits set", 135, [0xffffffffffffffffn], EPERM],
  ])("%s", (_name, number, args, verdict) => {
    expect(call(number, args)).toBe(verdict);
  });

  test("covers the other ABIs of the machine and kills foreign ones", () => {
    expect(call(4, [], I386)).toBe(ALLOW); // write
    expect(call(21, [], I386)).toBe(EPERM); // mount
    expect(call(0x40000001)).toBe(ALLOW); // x32 write
    expect(call(0x40000000 + 165)).toBe(EPERM);
    expect(call(0x40000000 + 600)).toBe(ENOSYS);
    expect(call(0, [], ARM64)).toBe(KILL);
  });

  test("is wider with capabilities", () => {
    const admin = callerOf(defaultSpec(["CAP_SYS_ADMIN"]));
    expect(admin(165)).toBe(ALLOW);
    expect(admin(56, [0x10000000n])).toBe(ALLOW);
    expect(admin(435)).toBe(ALLOW);
    expect(admin(246)).toBe(EPERM); // kexec_load: nobody
  });

  test("knows arm64's numbers", () => {
    const arm = callerOf(defaultSpec([], "arm64"), "arm64");
    expect(arm(63)).toBe(ALLOW); // read
    expect(arm(40)).toBe(EPERM); // mount
    expect(arm(220, [0x10000000n])).toBe(EPERM); // clone
    expect(arm(4, [], 0x40000028)).toBe(ALLOW); // write of 32-bit arm
    expect(arm(0, [], X86_64)).toBe(KILL);
  });

  test("names only calls that exist", () => {
    const known = new Set(
      ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"].flatMap((name) =>
        selectArchitectures([name], "x64").flatMap((one) => [...syscallNumbers(one).keys()]),
      ),
    );
    const names = DEFAULT_PROFILE.syscalls.flatMap((rule) => rule.names);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("every call of every ABI", () => {
  const NATIVE = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

  test("gets the verdict of a plain reading of the profile", () => {
    const spec = defaultSpec();
    const call = callerOf(spec);
    const unconditional = new Map<string, number>();
    const conditional = new Set<string>();
    for (const rule of spec.syscalls) {
      const verdict = rule.action === "SCMP_ACT_ALLOW" ? ALLOW : 0x50000 + (rule.errnoRet ?? 1);
      for (const name of rule.names) {
        if (rule.args === undefined) unconditional.set(name, verdict);
        else conditional.add(name);
      }
    }
    for (const architecture of selectArchitectures(NATIVE, "x64")) {
      const numbers = syscallNumbers(architecture);
      const last = Math.max(
        ...[...numbers]
          .filter(([name]) => unconditional.has(name) || conditional.has(name))
          .map(([, number]) => number),
      );
      for (const [name, number] of numbers) {
        if (conditional.has(name) && !unconditional.has(name)) continue;
        const expected = unconditional.get(name) ?? (number > last ? ENOSYS : EPERM);
        expect([architecture.name, name, call(number, [], architecture.audit)]).toEqual([
          architecture.name,
          name,
          expected,
        ]);
      }
    }
  });
});

describe("conditions", () => {
  const BIG = 0x1_0000_0005;
  const cases: Array<[string, number, bigint, boolean]> = [
    ["SCMP_CMP_EQ", BIG, BigInt(BIG), true],
    ["SCMP_CMP_EQ", BIG, 5n, false],
    ["SCMP_CMP_NE", BIG, 5n, true],
    ["SCMP_CMP_NE", BIG, BigInt(BIG), false],
    ["SCMP_CMP_NE", BIG, 0x1_0000_0006n, true],
    ["SCMP_CMP_GT", BIG, 0x1_0000_0006n, true],
    ["SCMP_CMP_GT", BIG, BigInt(BIG), false],
    ["SCMP_CMP_GT", BIG, 0x2_0000_0000n, true],
    ["SCMP_CMP_GT", BIG, 0xffffffffn, false],
    ["SCMP_CMP_GE", BIG, BigInt(BIG), true],
    ["SCMP_CMP_GE", BIG, 4n, false],
    ["SCMP_CMP_LT", BIG, 0xffffffffn, true],
    ["SCMP_CMP_LT", BIG, BigInt(BIG), false],
    ["SCMP_CMP_LT", BIG, 0x2_0000_0000n, false],
    ["SCMP_CMP_LE", BIG, BigInt(BIG), true],
    ["SCMP_CMP_LE", BIG, 0x1_0000_0006n, false],
    ["SCMP_CMP_LE", BIG, 0x2_0000_0000n, false],
  ];
  test.each(cases)("%s %d with %d", (op, value, given, holds) => {
    const call = callerOf({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["close"], action: "SCMP_ACT_ERRNO", errnoRet: 7, args: [{ index: 2, value, op }] }],
    });
    expect(call(3, [0n, 0n, given])).toBe(holds ? 0x50007 : ALLOW);
  });

  test("several are joined by and, rules by or; two on one argument stand alone", () => {
    const equal = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
    const call = callerOf({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        { names: ["close"], action: "SCMP_ACT_ALLOW", args: [equal(0, 1), equal(1, 2)] },
        { names: ["close"], action: "SCMP_ACT_LOG", args: [equal(0, 9)] },
        { names: ["dup"], action: "SCMP_ACT_ALLOW", args: [equal(0, 1), equal(0, 2)] },
      ],
    });
    expect(call(3, [1n, 2n])).toBe(ALLOW);
    expect(call(3, [1n, 3n])).toBe(EPERM);
    expect(call(3, [9n, 3n])).toBe(0x7ffc0000);
    expect(call(32, [2n])).toBe(ALLOW);
    expect(call(32, [3n])).toBe(EPERM);
  });
});

describe("other profiles", () => {
  test("a deny-list has no ENOSYS, and reaches i386's socketcall", () => {
    const call = callerOf({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [{ names: ["bind", "nosuch"], action: "SCMP_ACT_KILL_PROCESS" }],
    });
    expect(call(49)).toBe(0x80000000);
    expect(call(9999)).toBe(ALLOW);
    expect(call(102, [2n], I386)).toBe(0x80000000);
    expect(call(102, [3n], I386)).toBe(ALLOW);
    expect(call(0x40000001)).toBe(KILL); // x32 is not in the profile
  });

  test("one verdict for everything is a short program", () => {
    expect(compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [] }, "x64").program.length / 8).toBeLessThan(
      10,
    );
  });

  test.each([
    [{ defaultAction: "SCMP_ACT_MAYBE", syscalls: [] }, "string SCMP_ACT_MAYBE is not a valid action for seccomp"],
    [
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_PDP11"], syscalls: [] },
      "string SCMP_ARCH_PDP11 is not a valid arch for seccomp",
    ],
    [{ defaultAction: "SCMP_ACT_ALLOW", flags: ["WHAT"], syscalls: [] }, "seccomp flag WHAT is not known to runc"],
  ])("refuses %j", (spec, text) => {
    expect(() => compileSeccomp(spec, "x64")).toThrow(text);
  });
});

describe("a user's profile", () => {
  test("is resolved for machine, kernel and capabilities", () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: "SCMP_ACT_ERRNO",
        archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
        syscalls: [
          { name: "read", action: "SCMP_ACT_ALLOW", args: null },
          { names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
          { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "7.0" } },
          { names: ["clone"], action: "SCMP_ACT_ALLOW", excludes: { arches: ["amd64"] } },
        ],
      }),
    );
    expect(resolveProfile(profile, { capabilities: [], machine: "x64", kernel: "6.18.44" })).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
    });
  });

  test("that is empty turns seccomp off", () => {
    expect(resolveProfile(parseProfile("{}"), { capabilities: [] })).toBeUndefined();
  });

  test.each([
    ["{", "Decoding seccomp profile failed: "],
    ['{"syscalls":[{"names":3}]}', "Decoding seccomp profile failed: syscalls.names"],
    ['{"syscalls":[{"name":"a","names":["b"]}]}', "both 'name' and 'names' are specified"],
    ['{"syscalls":[{"includes":{"minKernel":"x"}}]}', "invalid kernel version"],
  ])("%s is refused", (json, text) => {
    expect(() => parseProfile(json)).toThrow(text);
  });
});
