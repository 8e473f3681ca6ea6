import { isIP } from "node:net";
import { forbidden } from "../base/index.ts";
import type { RequestHead } from "./http/index.ts";

/**
 * Keeps web pages out of a plain tcp listener: a browser sends `Origin`, or calls this host by a name that its page's owner
 * has pointed here (DNS rebinding). Addresses, `localhost`, names without a dot and `names` are this host's own.
 * @throws forbidden.
 */
export function checkHost(head: RequestHead, names: ReadonlySet<string>): void {
  if (head.headers.has("origin")) throw forbidden("requests of web pages are not answered");
  const host = nameOf(head.headers.get("host") ?? "");
  if (!host.includes(".") || isIP(host) !== 0 || host.endsWith(".localhost") || names.has(host)) return;
  throw forbidden(`this host is not known as ${host}: call it by its address, or start the daemon with --allow-host`);
}

function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}
