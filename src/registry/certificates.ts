import { readdir, readFile, stat } from "node:fs/promises";
import type https from "node:https";
import { join } from "node:path";
import { clientCertificateMissing, clientKeyMissing } from "./errors.ts";

/**
 * The certificates for one registry: `*.crt` are authorities beside those of the system, `NAME.cert` with `NAME.key` is
 * shown to it. @throws invalid for one without the other.
 */
export async function readCertificates(folder: string): Promise<https.AgentOptions> {
  const names = await namesIn(folder);
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  for (const name of names) {
    const partner = partnerOf(name);
    if (partner === undefined || names.includes(partner)) continue;
    throw name.endsWith(".cert") ? clientKeyMissing(partner, name) : clientCertificateMissing(partner, name);
  }
  const own = await Promise.all(names.filter((name) => name.endsWith(".crt")).map(read));
  const ca = [...(await systemAuthorities()), ...own];
  const client = names.find((name) => name.endsWith(".cert"));
  const key = client === undefined ? undefined : partnerOf(client);
  if (client === undefined || key === undefined) return { ca };
  return { ca, cert: await read(client), key: await read(key) };
}

/** Changes whenever a certificate in the folder does. */
export async function certificateStamp(folder: string): Promise<string> {
  const names = await namesIn(folder);
  const stamps = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined);
      return `${name} ${found?.mtimeMs} ${found?.size} ${found?.ino}`;
    }),
  );
  return stamps.join("\n");
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.toSorted();
}

function partnerOf(name: string): string | undefined {
  if (name.endsWith(".cert")) return name.replace(/\.cert$/, ".key");
  return name.endsWith(".key") ? name.replace(/\.key$/, ".cert") : undefined;
}

/** Those that the machine's administrator trusts (`update-ca-certificates`); where there are none, the usual ones. */
async function systemAuthorities(): Promise<readonly string[]> {
  const { getCACertificates, rootCertificates } = await import("node:tls");
  const system = getCACertificates("system");
  return system.length > 0 ? system : rootCertificates;
}
