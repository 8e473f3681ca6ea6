import type { ConfigFile } from "../client/index.ts";
import { CliError } from "./errors.ts";

export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  serveraddress: string;
}

/** The credentials for a registry: of a helper program when one is configured, else of the config file. */
export async function readStoredAuth(config: ConfigFile, key: string): Promise<RegistryAuth | undefined> {
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  if (helper !== undefined && helper !== "") return await fromHelper(helper, key);
  const stored = config.auths?.[key] ?? config.auths?.[key.replace(/^https?:\/\//, "").replace(/\/.*$/, "")];
  if (stored === undefined) return undefined;
  const auth: RegistryAuth = { serveraddress: key };
  if (stored.username !== undefined && stored.username !== "") auth.username = stored.username;
  if (stored.password !== undefined && stored.password !== "") auth.password = stored.password;
  if (stored.registrytoken !== undefined && stored.registrytoken !== "") auth.registrytoken = stored.registrytoken;
  if (stored.identitytoken !== undefined && stored.identitytoken !== "") auth.identitytoken = stored.identitytoken;
  const decoded = Buffer.from(stored.auth ?? "", "base64").toString();
  const colon = decoded.indexOf(":");
  if (colon > 0) {
    auth.username = decoded.slice(0, colon);
    auth.password = decoded.slice(colon + 1).replace(/\0+$/, "");
  }
  return auth;
}

async function fromHelper(helper: string, key: string): Promise<RegistryAuth | undefined> {
  const output = await runHelper(helper, "get", key).catch(() => undefined);
  if (output === undefined) return undefined;
  const { Username = "", Secret = "" } = JSON.parse(output) as { Username?: string; Secret?: string }; // the helper's protocol
  if (Username === "<token>") return { identitytoken: Secret, serveraddress: key };
  return { username: Username, password: Secret, serveraddress: key };
}

/** Runs `docker-credential-<helper> <verb>` with `input` on its standard input. @throws CliError with what it said. */
export async function runHelper(helper: string, verb: "get" | "store" | "erase", input: string): Promise<string> {
  if (!/^[\w.-]+$/.test(helper)) throw new CliError(`invalid credential helper: ${helper}`);
  const { execFile } = await import("node:child_process");
  return await new Promise((resolve, reject) => {
    const child = execFile(`docker-credential-${helper}`, [verb], { timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else
        reject(
          new CliError(`error getting credentials - err: ${error.message}, out: \`${(stdout || stderr).trim()}\``),
        );
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
