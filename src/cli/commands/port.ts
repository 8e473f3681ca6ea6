import type { ContainerInspectResponse } from "../../api/index.ts";
import { between, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { portFault } from "../port-spec.ts";
import { bracketed } from "../ports.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  count: between(1, 2),
  completes: ["running", "files"],
  flags: {},
  async run(context, { args: [name = "", wanted] }) {
    const client = await context.client();
    const container = await client.json<ContainerInspectResponse>("GET", `/containers${pathOf(name)}/json`);
    const ports = container.NetworkSettings?.Ports ?? {};
    if (wanted !== undefined) {
      const [number = "", protocol = "tcp"] = wanted.split("/");
      if (!/^\d+$/.test(number) || Number(number) > 65_535) {
        throw new CliError(`Error: invalid port (${wanted}): ${portFault(number)}`);
      }
      const bindings = ports[`${number}/${protocol}`];
      if (bindings === undefined || bindings === null || bindings.length === 0) {
        throw new CliError(`Error: No public port '${wanted}' published for ${name}`);
      }
      for (const { HostIp = "", HostPort = "" } of bindings) context.io.out(`${bracketed(HostIp)}:${HostPort}\n`);
      return;
    }
    const lines = Object.entries(ports).flatMap(([port, bindings]) =>
      (bindings ?? []).map(({ HostIp = "", HostPort = "" }) => `${port} -> ${bracketed(HostIp)}:${HostPort}`),
    );
    lines.sort((left, right) => Number.parseInt(left) - Number.parseInt(right) || (left < right ? -1 : 1));
    for (const line of lines) context.io.out(`${line}\n`);
  },
});
