/**
 * One command of a case: words for `docker`, and what it reads. `{name}` in a word stands for the case's own prefix, `{port}` for a free port,
 * `{start}` and `{now}` for the time when the case began and when the command begins. */
export interface Step {
  args: readonly string[];
  input?: string;
}

/** Commands that run one after another on an engine which has `busybox:local`; each one's code and output is compared. */
export interface Case {
  name: string;
  steps: readonly Step[];
}

/** What a command gave, after `normalise`. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Splits a line into words; single quotes keep blanks. */
export function step(line: string, input?: string): Step {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
  return input === undefined ? { args: words } : { args: words, input };
}
