import { describe, expect, test } from "bun:test";
import { parseHost } from "./index.ts";
import { sshArguments } from "./ssh.ts";

const argumentsOf = (host: string) => {
  const { target } = parseHost(host);
  if (target.kind !== "ssh") throw new Error(`${host} is no ssh host`);
  return sshArguments(target).join(" ");
};

describe("ssh hosts", () => {
  test.each([
    ["ssh://host", "-o ConnectTimeout=30 -T -- host berth system dial-stdio"],
    ["ssh://ada@host:2222", "-o ConnectTimeout=30 -T -l ada -p 2222 -- host berth system dial-stdio"],
    ["ssh://[::1]", "-o ConnectTimeout=30 -T -- ::1 berth system dial-stdio"],
    ["ssh://host/run/x.sock", "-o ConnectTimeout=30 -T -- host berth --host unix:///run/x.sock system dial-stdio"],
    // The other side's shell reads these words
    ["ssh://host/a b'$c", "-o ConnectTimeout=30 -T -- host berth --host 'unix:///a b'\\''$c' system dial-stdio"],
    // After the dashes ssh takes nothing for an option
    ["ssh://-oProxyCommand=x", "-o ConnectTimeout=30 -T -- -oProxyCommand=x berth system dial-stdio"],
  ])("%s", (host, words) => {
    expect(argumentsOf(host)).toBe(words);
  });

  test.each([
    ["ssh://ada:secret@host", "plain-text password is not supported"],
    ["ssh://host?a=b", 'query parameters are not allowed: "a=b"'],
    ["ssh://host#a", 'fragments are not allowed: "a"'],
    ["ssh://", "hostname is empty"],
    ["ssh://host:port", 'parse "ssh://host:port": invalid host'],
  ])("%s is refused", (host, why) => {
    expect(() => parseHost(host)).toThrow(`ssh host connection is not valid: invalid SSH URL: ${why}`);
  });
});
