import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { checkLink, int, list, string } from "../flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  count: exactly(2),
  completes: ["networks", "containers"],
  flags: {
    alias: list("Answer to one more name on the network"),
    "driver-opt": list("Set an option of the network's driver"),
    "gw-priority": int("The highest gives the default gateway"),
    ip: string("IPv4 address (172.30.100.104)"),
    ip6: string("IPv6 address (2001:db8::33)"),
    link: list("Link to another container", { check: checkLink }),
    "link-local-ip": list("Link-local address"),
  },
  async run(context, { flags, args: [network = "", container = ""] }) {
    const options: Record<string, string> = {};
    for (const option of flags["driver-opt"]) {
      const equals = option.indexOf("=");
      if (equals <= 0) throw new CliError("invalid key/value pair format in driver options");
      options[option.slice(0, equals)] = option.slice(equals + 1);
    }
    await (
      await context.client()
    ).send("POST", `/networks${pathOf(network)}/connect`, {
      json: {
        Container: container,
        EndpointConfig: {
          IPAMConfig: {
            ...(flags.ip === "" ? {} : { IPv4Address: flags.ip }),
            ...(flags.ip6 === "" ? {} : { IPv6Address: flags.ip6 }),
            ...(flags["link-local-ip"].length === 0 ? {} : { LinkLocalIPs: flags["link-local-ip"] }),
          },
          Links: flags.link.length === 0 ? null : flags.link,
          Aliases: flags.alias,
          DriverOpts: options,
          GwPriority: flags["gw-priority"],
        },
      },
    });
  },
});
