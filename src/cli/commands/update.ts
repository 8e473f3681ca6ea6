import type { ContainerUpdateResponse } from "../../api/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { restartPolicy } from "../container-config.ts";
import { CliError } from "../errors.ts";
import { bytes, cpus, int, string, uint } from "../flags.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "containers",
  flags: {
    "blkio-weight": uint("Share of block I/O, from 10 to 1000; 0: no weight", {
      bits: 16,
      type: "uint16",
      shownDefault: "0",
    }),
    "cpu-period": int("Length of the scheduler's period in microseconds"),
    "cpu-quota": int("CPU time in one period in microseconds"),
    "cpu-rt-period": int("Length of the real-time period in microseconds"),
    "cpu-rt-runtime": int("Real-time CPU time in one period in microseconds"),
    "cpu-shares": int("Share of CPU time when CPUs are busy", { short: "c" }),
    cpus: cpus("Most CPUs in use (1.5)"),
    "cpuset-cpus": string("CPUs to run on (0-3, 0,1)"),
    "cpuset-mems": string("Memory nodes to use (0-3, 0,1)"),
    "kernel-memory": bytes("Ignored", { hidden: true, deprecated: "it has no effect" }),
    memory: bytes("Most memory", { short: "m" }),
    "memory-reservation": bytes("Memory that is kept when the host runs short"),
    "memory-swap": bytes("Most memory and swap together; -1: unlimited swap", { allowUnlimited: true }),
    "pids-limit": int("Most processes (-1: no limit)"),
    restart: string("When the container is started again"),
  },
  async run(context, { flags, changed, args }) {
    if (changed.size === 0) throw new CliError("you must provide one or more flags when using this command");
    const body = {
      BlkioWeight: flags["blkio-weight"],
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      CpuShares: flags["cpu-shares"],
      Memory: flags.memory,
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      NanoCpus: flags.cpus,
      ...(changed.has("pids-limit") ? { PidsLimit: flags["pids-limit"] } : {}),
      RestartPolicy: changed.has("restart") ? restartPolicy(flags.restart) : {},
    };
    const warnings: string[] = [];
    await forEachTarget(context, args, async (client, name) => {
      const { Warnings } = await client.json<ContainerUpdateResponse>("POST", `/containers${pathOf(name)}/update`, {
        json: body,
      });
      warnings.push(...(Warnings ?? []));
    });
    if (warnings.length > 0) context.io.out(`${warnings.join("\n")}\n`);
  },
});
