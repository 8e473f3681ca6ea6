import type { SeccompRule, SeccompSpec } from "../../spec/index.ts";
import { actionReturn } from "./actions.ts";
import { syscallNumbers, type Architecture } from "./architectures.ts";
import type { Condition } from "./conditions.ts";

/** What happens to one system call: the first rule whose conditions hold, else the default. */
export interface Verdict {
  conditional: Array<{ conditions: Condition[]; wordSize: 32 | 64; value: number }>;
  otherwise: number;
}

export const plain = (value: number): Verdict => ({ conditional: [], otherwise: value });

/**
 * What a profile says of each call of one ABI that is not the default, and the highest number that it names at all.
 * @throws invalid for unknown actions.
 */
export function verdictsOf(spec: SeccompSpec, architecture: Architecture, defaultValue: number) {
  const numbers = syscallNumbers(architecture);
  const verdicts = new Map<number, Verdict>();
  const settled = new Set<number>();
  let last: number | undefined;
  for (const rule of spec.syscalls) {
    const value = actionReturn(rule.action, rule.errnoRet);
    for (const name of rule.names) {
      const direct = numbers.get(name);
      if (direct !== undefined && (last === undefined || direct > last)) last = direct;
      if (value === defaultValue) continue;
      for (const { number, conditions } of targets(name, rule, architecture, direct)) {
        if (settled.has(number)) continue;
        if (conditions.length === 0) {
          // A rule without conditions outweighs those with, and the first of either kind wins, as in libseccomp's tree.
          verdicts.set(number, plain(value));
          settled.add(number);
          continue;
        }
        const verdict = verdicts.get(number) ?? { conditional: [], otherwise: defaultValue };
        for (const all of alternatives(conditions)) {
          verdict.conditional.push({ conditions: all, wordSize: architecture.wordSize, value });
        }
        verdicts.set(number, verdict);
      }
    }
  }
  return { verdicts, last };
}

/** Conditions are joined by "and"; with two on the same argument each stands alone, as in runc. */
function alternatives(conditions: Condition[]): Condition[][] {
  const distinct = new Set(conditions.map(({ index }) => index));
  return distinct.size === conditions.length ? [conditions] : conditions.map((one) => [one]);
}

/** i386 reaches sockets and System V IPC also through one call whose first argument says which (linux/net.h, linux/ipc.h). */
const MULTIPLEXED: Readonly<Record<string, readonly string[]>> = {
  socketcall:
    "- socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg".split(
      " ",
    ),
  ipc: "- semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget shmctl".split(
    " ",
  ),
};

function targets(name: string, rule: SeccompRule, architecture: Architecture, direct: number | undefined) {
  const conditions = rule.args ?? [];
  const found: Array<{ number: number; conditions: Condition[] }> = [];
  if (direct !== undefined) found.push({ number: direct, conditions });
  // The real arguments are behind a pointer there, so conditions on them cannot be carried over.
  if (architecture.column !== "x86" || conditions.length > 0) return found;
  for (const [entry, members] of Object.entries(MULTIPLEXED)) {
    const which = members.indexOf(name);
    const number = syscallNumbers(architecture).get(entry);
    if (which < 1 || number === undefined) continue;
    found.push({ number, conditions: [{ index: 0, value: which, op: "SCMP_CMP_EQ" }] });
  }
  return found;
}
