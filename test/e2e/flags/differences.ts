import type { MatrixDifference } from "../matrix/differences.ts";

/** Lines `PROGRAM: COMMAND KEY: PART: OURS instead of THEIRS` that stay, and why berth is right or cannot be the same. */
export const FLAG_DIFFERENCES: readonly MatrixDifference[] = [
  // Where berth is another engine, or another command.
  {
    lines: /: inspect [\w.]+: 9223372036854775000 instead of 9223372036854776000$/,
    reason: "the greatest integers are kept as the greatest that a double holds",
  },
  {
    lines: /=9223372036854775807: stderr: ".*invalid value:? 9223372036854775000/i,
    reason: "the greatest integers are kept as the greatest that a double holds",
  },
  {
    lines: /^(berth|docker): \w+ --mount type=image,.* inspect Mounts: .*"Type":"image"/,
    reason: "an image is mounted when the container starts: there is no place on the host to show",
  },
  { lines: /,driver-opt=a=b.*: stderr: "WARNING: driver option/, reason: "what has no effect is told" },
  { lines: /^berth: \w+ --kernel-memory .*: stderr: "Flag --kernel-memory/, reason: "what has no effect is told" },
  { lines: /^berth: \w+ --kernel-memory=.*: stderr: "Flag --kernel-memory/, reason: "what has no effect is told" },
  {
    lines: /^berth: \w+ --use-api-socket/,
    reason: "the flag is not there yet",
  },
  {
    lines: /^(berth|docker): run --device-(read|write)-(bps|iops) .*: stderr:/,
    reason: "runc writes these limits at another step of the start",
  },
  { lines: /^berth: logs an unknown flag: stderr:/, reason: "several containers are followed at once" },
  {
    lines: /^berth: commit (.* )?--no-pause/,
    reason: "the flag is of a later command of Docker's than the one that was recorded",
  },
  {
    lines: /--(detach-keys) nosuch.*: (stderr: ".*Invalid detach keys|code: 125)/,
    reason: "the engine's answer to an upgrade is shown: Docker's command shows its number",
  },
  {
    lines: /^berth: \w+ --security-opt seccomp=\{folder\}\/env: stderr:/,
    reason: "what is wrong with JSON is told in other words",
  },
  {
    lines: /^berth: create --(volume-driver nosuch|mount .*volume-driver=nosuch).*: stderr:/,
    reason: "Docker's command takes any 404 for a missing image, and looks for it in the registry",
  },
  {
    lines: /^berth: create --device a\.b\/c=d: /,
    reason: "Docker's command does not survive it",
  },
  {
    lines: /^berth: create --disable-content-trust.*=false: /,
    reason: "signatures of images cannot be asked for: Docker gives them up, too, and looks for their server first",
  },
  {
    lines: /^berth: (stop|restart) --time\b.*: (stdout|stderr): /,
    reason: "that a flag is old is told on standard error, and once",
  },
  {
    lines: /^berth: cp (--archive(=true)?|-a): files:/,
    reason: "the owners are kept, as the flag's description says",
  },

  // What a client got wrong is refused, and where it got it wrong.
  {
    lines:
      /^berth: \w+ --[\w-]+[ =](99999999999g|9223372036854775807): (code: 125|inspect [\w.]+: -|stdout: -|stderr: ".*value out of range)/,
    reason: "an amount that 64 bits do not hold is refused: Docker's command makes a negative one of it",
  },
  {
    lines: /update --cpu-shares=-1: /,
    reason: "an update is checked as a create is: Docker keeps what no start will take",
  },
  {
    lines: /commit --change=: /,
    reason: "changes that say nothing change nothing; Docker takes none at all, but not an empty one",
  },
  {
    lines: /--(stop-signal|signal) 65: /,
    reason: "a signal that cannot be sent is refused: Docker waits in vain and kills",
  },
  {
    lines: /create --mount type=tmpfs,dst=\/x --tmpfs \/x: /,
    reason: "two mounts of one place are refused, however they are asked for",
  },
  {
    lines: /create --network none --network host: /,
    reason: "another network beside none is refused: Docker keeps what no start does",
  },
  {
    lines: /create --storage-opt size=1g --storage-opt nosuch=1: stderr:/,
    reason: "of two faults Docker tells either",
  },
  {
    lines: /exec --env A=1 --env A: stdout:/,
    reason: "what is said last counts: the variable is taken away",
  },
  {
    lines: /run --cpu-shares 1: /,
    reason: "the kernel reads the least number of shares for anything less",
  },
];

/** Flags whose valid value changes nothing that is looked at here, and why. */
export const SILENT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "container attach --no-stdin": "the container reads nothing",
    "container commit --no-pause": "the container does not run",
    "container commit --pause": "the container does not run",
    "container cp --quiet": "what was copied is told to terminals only",
    "container exec --detach-keys": "there is no terminal to type them at",
    "container logs --follow": "the container has ended",
    "container restart --signal": "the container runs before and after",
    "container restart --timeout": "the container obeys the first signal",
    "container rm --volumes": "a container that runs is not removed",
    "container start --detach-keys": "nothing is attached",
    "container stats --all": "the container runs",
    "container stats --no-stream": "the command asks for it in any case",
    "container stop --timeout": "the container obeys the first signal",
    ...ofMaking("disable-content-trust", "true asks for nothing; false is told of in the differences"),
    ...ofMaking("platform", "it is the image's own"),
    ...ofMaking("pull", "the image is there"),
    ...ofMaking("quiet", "nothing is pulled"),
    "container run --detach-keys": "there is no terminal to type them at",
    "container run --sig-proxy": "no signal is sent",
  }),
);

function ofMaking(flag: string, reason: string): Record<string, string> {
  return { [`container create --${flag}`]: reason, [`container run --${flag}`]: reason };
}
