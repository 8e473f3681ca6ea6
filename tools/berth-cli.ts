/** The berth command from its sources, without the daemon: for comparing and trying out. */
import { main } from "../src/cli/index.ts";

process.exit(await main(process.argv.slice(2)));
