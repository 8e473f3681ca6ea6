import type { Outcome } from "./types.ts";

const printed = (stdout: string): Outcome => ({ code: 0, stdout, stderr: "" });

const OWN_PATH = "the path is named as the container knows it: where the engine keeps its layers is nobody's business";
const ownPath = (text: string) => ({
  reason: OWN_PATH,
  berth: { code: 1, stdout: "", stderr: `Error response from daemon: ${text}\n` },
});

/** Where berth answers something else than the real engine, by `CASE#STEP`: what it answers, and why. */
export const DIFFERENCES: Readonly<Record<string, { berth: Outcome; reason: string }>> = {
  "run/world#28": {
    reason: "the same settings; Docker's file ends with remarks of its own about where they come from",
    berth: printed("\nnameserver 10.9.8.7\nsearch x.example\noptions ndots:3\n"),
  },
  "volumes#19": {
    reason: OWN_PATH,
    berth: {
      code: 125,
      stdout: "",
      stderr:
        "docker: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime " +
        "create failed: runc create failed: unable to start container process: error during container init: error mounting " +
        '"/etc/hostname" to rootfs at "/proc/version": create mountpoint for /proc/version mount: check proc-safety of ' +
        '/proc/version mount: "/proc/version" cannot be mounted because it is inside /proc\n\n' +
        "Run 'docker run --help' for more information\n",
    },
  },
  "copy#7": {
    reason: "the place where a volume is mounted is no change that the container made",
    berth: printed(""),
  },
  "files#4": {
    reason: "changes are sorted by path, so that two runs compare; Docker gives them in the order of a hash table",
    berth: printed("C /etc\nD /etc/group\nC /etc/passwd\nC /tmp\nA /tmp/made\n"),
  },
  "volumes-over-files#0": ownPath("source /etc/passwd is not directory"),
  "volumes-over-files#1": ownPath("cannot mount volume over existing file, file exists /etc/passwd"),
  "volumes-over-files#2": ownPath("source /etc/passwd is not directory"),
  "volumes-over-files#3": ownPath("lstat /etc/passwd/sub: not a directory"),
  "volumes-over-files#4": ownPath("source /bin/sh is not directory"),
};
