export { daemonMain } from "./main.ts";
