import { expect, test } from "bun:test";
import type { Native } from "../../sys/index.ts";
import { openFirewall } from "./firewall.ts";

const WAY_OUT = /netfilter, nf_tables.*modprobe.*--iptables=false/;

/** A kernel in which these calls give what it says; no other is made here. */
const kernel = (calls: Partial<Native>) => calls as Native;

test("a kernel without netfilter is told by that name, with the way out", () => {
  const socket = () => {
    throw new Error("EPROTONOSUPPORT: socket");
  };
  expect(() => openFirewall(kernel({ socket }), "berth")).toThrow(WAY_OUT);
});

test("one without nf_tables, too", async () => {
  const netlinkRequest = () => Promise.reject(new Error("EOPNOTSUPP: sendmsg"));
  const native = kernel({ socket: () => 99, setsockopt: () => undefined, netlinkRequest });
  await expect(openFirewall(native, "berth").replace([], { published: [], linked: [] })).rejects.toThrow(WAY_OUT);
});
