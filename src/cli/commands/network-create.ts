import type { NetworkCreateResponse } from "../../api/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { toMap } from "../environment.ts";
import { bool, labels, map, string, strings } from "../flags.ts";
import { buildIpam } from "../ipam-spec.ts";

export default defineCommand({
  usage: "[OPTIONS] NETWORK",
  count: exactly(1),
  flags: {
    attachable: bool("Let containers of no service connect"),
    "aux-address": map("Keep an address for something else (name=ip)"),
    "config-from": string("Take the settings of this network"),
    "config-only": bool("Keep settings only, make no network"),
    driver: string("Network driver", { short: "d", initial: "bridge" }),
    gateway: strings("Gateway of a subnet"),
    ingress: bool("Make the swarm's ingress network"),
    internal: bool("No way to the outside"),
    "ip-range": strings("Give containers addresses of this part of a subnet"),
    "ipam-driver": string("Driver that gives out addresses", { initial: "default" }),
    "ipam-opt": map("Set an option of that driver"),
    ipv4: bool("Give IPv4 addresses", { initial: true }),
    ipv6: bool("Give IPv6 addresses"),
    label: labels(),
    opt: map("Set an option of the driver", { short: "o" }),
    scope: string("Scope of the network"),
    subnet: strings("Subnet (10.1.0.0/16)"),
  },
  async run(context, { flags, changed, args: [name = ""] }) {
    const ipam = buildIpam({
      subnets: flags.subnet,
      ranges: flags["ip-range"],
      gateways: flags.gateway,
      auxiliary: flags["aux-address"],
    });
    const { Id } = await (
      await context.client()
    ).json<NetworkCreateResponse>("POST", "/networks/create", {
      json: {
        Name: name,
        Driver: flags.driver,
        Scope: flags.scope,
        ...(changed.has("ipv4") ? { EnableIPv4: flags.ipv4 } : {}),
        ...(changed.has("ipv6") ? { EnableIPv6: flags.ipv6 } : {}),
        IPAM: { Driver: flags["ipam-driver"], Options: flags["ipam-opt"], Config: ipam },
        Internal: flags.internal,
        Attachable: flags.attachable,
        Ingress: flags.ingress,
        ConfigOnly: flags["config-only"],
        ...(flags["config-from"] === "" ? {} : { ConfigFrom: { Network: flags["config-from"] } }),
        Options: flags.opt,
        Labels: toMap(flags.label),
      },
    });
    context.io.out(`${Id}\n`);
  },
});
