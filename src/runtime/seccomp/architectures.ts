import { invalid } from "../../base/index.ts";
import { SYSCALL_TABLE } from "./syscall-table.ts";

/** An ABI that a seccomp filter can see (linux/audit.h, libseccomp's names). */
export interface Architecture {
  /** `SCMP_ARCH_…` */
  name: string;
  /** `seccomp_data.arch`. */
  audit: number;
  /** Arguments of a 32-bit ABI are compared in their low word only, as libseccomp does. */
  wordSize: 32 | 64;
  /** Added to a number of the table: x32 marks its calls with bit 30 and shares x86-64's audit value. */
  offset: number;
  column: Column;
}

type Column = "x86_64" | "x86" | "arm64" | "arm" | "x32";

export const X32_BIT = 0x40000000;

const ARCHITECTURES: Architecture[] = [
  { name: "SCMP_ARCH_X86_64", audit: 0xc000003e, wordSize: 64, offset: 0, column: "x86_64" },
  { name: "SCMP_ARCH_X86", audit: 0x40000003, wordSize: 32, offset: 0, column: "x86" },
  { name: "SCMP_ARCH_X32", audit: 0xc000003e, wordSize: 32, offset: X32_BIT, column: "x32" },
  { name: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, wordSize: 64, offset: 0, column: "arm64" },
  { name: "SCMP_ARCH_ARM", audit: 0x40000028, wordSize: 32, offset: 0, column: "arm" },
];

/** Valid in a profile, but no process of a machine that berth runs on can have them. */
const FOREIGN = new Set(
  "MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB"
    .split(" ")
    .map((name) => `SCMP_ARCH_${name}`),
);

/** The machines that berth runs on, by `process.arch`: Docker's name (`GOARCH`) and the native ABI. */
export type Machine = "x64" | "arm64";

/** This machine. @throws invalid on another one. */
export function thisMachine(): Machine {
  if (process.arch === "x64" || process.arch === "arm64") return process.arch;
  throw invalid(`seccomp is not supported on ${process.arch}`);
}

export function nativeArchitecture(machine: Machine): string {
  return machine === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
}

/** The name that profiles use in `includes.arches`. */
export function profileArchitecture(machine: Machine): string {
  return machine === "x64" ? "amd64" : "arm64";
}

/**
 * The architectures of a profile that this machine can run, the native one first and always.
 * @throws invalid with runc's text for a name that is none.
 */
export function selectArchitectures(names: readonly string[], machine: Machine): Architecture[] {
  for (const name of names) {
    if (!FOREIGN.has(name) && !ARCHITECTURES.some((known) => known.name === name)) {
      throw invalid(`string ${name} is not a valid arch for seccomp`);
    }
  }
  const native = nativeArchitecture(machine);
  const selected = ARCHITECTURES.filter((known) => known.name === native || names.includes(known.name));
  return selected.sort((left, right) => Number(right.name === native) - Number(left.name === native));
}

/** Numbers by name for one ABI; calls that it lacks are absent. */
export function syscallNumbers(architecture: Architecture): ReadonlyMap<string, number> {
  const cached = numbers.get(architecture.name);
  if (cached !== undefined) return cached;
  const made = readColumn(architecture);
  numbers.set(architecture.name, made);
  return made;
}

const numbers = new Map<string, Map<string, number>>();

function readColumn({ column, offset }: Architecture): Map<string, number> {
  const result = new Map<string, number>();
  for (const line of SYSCALL_TABLE.trim().split("\n")) {
    const [name = "", x86_64, x86, arm64, arm, x32 = x86_64] = line.trim().split(" ");
    const cell = { x86_64, x86, arm64, arm, x32 }[column];
    if (cell !== undefined && cell !== "-") result.set(name, Number(cell) + offset);
  }
  return result;
}
