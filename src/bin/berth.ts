// The one executable: the daemon and the command. Each is loaded only when asked for, so that the command starts quickly.
import addon from "../../build/berth.node" with { type: "file" };
import init from "../../build/berth-init" with { type: "file" };
import shim from "../../build/berth-shim" with { type: "file" };

const [first, ...rest] = process.argv.slice(2);
if (first === "daemon") {
  const { daemonMain } = await import("../daemon/index.ts");
  process.exit(await daemonMain(rest, { addon, shim, init }));
} else if (first === "netd") {
  const { netdMain } = await import("../network/netd/main.ts");
  process.exit(await netdMain(rest));
} else {
  const { main } = await import("../cli/index.ts");
  process.exit(await main(process.argv.slice(2)));
}
