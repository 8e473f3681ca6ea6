import { type ConfigFile, syntaxFault } from "../client/index.ts";
import { CliError } from "./errors.ts";

export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  serveraddress: string;
}

/** The program that keeps the credentials of a registry; undefined when the config file does. */
export function helperOf(config: ConfigFile, key: string): string | undefined {
  return (config.credHelpers?.[key] ?? config.credsStore) || undefined;
}

/** The host of a key: `https://r.example.com/v1/` is one of `r.example.com`. */
export function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

/**
 * The credentials for a registry: of a helper program when one is configured, else of the config file.
 * What a helper cannot tell is taken for none, as Docker's command does: many images can be had without.
 */
export async function readStoredAuth(config: ConfigFile, key: string): Promise<RegistryAuth | undefined> {
  const helper = helperOf(config, key);
  if (helper !== undefined) return await readHelped(helper, key).catch(() => undefined);
  const auths = config.auths ?? {};
  const name = key in auths ? key : Object.keys(auths).find((each) => hostOf(each) === key);
  const stored = name === undefined ? undefined : auths[name];
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

/** What a helper has for a registry. @throws CliError with what it said instead. */
export async function readHelped(helper: string, key: string): Promise<RegistryAuth | undefined> {
  const output = await runHelper(helper, "get", key);
  if (output === undefined) return undefined;
  let answer: { Username?: string; Secret?: string };
  try {
    answer = JSON.parse(output) as typeof answer; // the helper's protocol
  } catch {
    throw new CliError(await syntaxFault(output));
  }
  const { Username = "", Secret = "" } = answer;
  if (Username === "<token>") return { identitytoken: Secret, serveraddress: key };
  return { username: Username, password: Secret, serveraddress: key };
}

const VERBS = { get: "getting", store: "storing", erase: "erasing" } as const;

/** What helpers say on standard output, and fail, when they have nothing. */
const NOT_FOUND = "credentials not found in native keychain";

/**
 * Runs `docker-credential-<helper> <verb>` with `input` on its standard input; what it says on standard error is shown.
 * @returns what it printed; undefined when it has no such credentials. @throws CliError with what it said.
 */
export async function runHelper(helper: string, verb: keyof typeof VERBS, input: string): Promise<string | undefined> {
  if (!/^[\w.-]+$/.test(helper)) throw new CliError(`invalid credential helper: ${helper}`);
  const program = `docker-credential-${helper}`;
  const { fault, output } = await outcome(program, verb, input);
  if (fault === undefined) return output;
  if (verb === "get" && output.trim() === NOT_FOUND) return undefined;
  throw new CliError(`error ${VERBS[verb]} credentials - err: ${fault}, out: \`${output.trim()}\``);
}

async function outcome(program: string, verb: string, input: string): Promise<{ fault?: string; output: string }> {
  const { spawn } = await import("node:child_process");
  return await new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const output = () => Buffer.concat(chunks).toString();
    const child = spawn(program, [verb], { stdio: ["pipe", "pipe", "inherit"], timeout: 30_000 });
    child.on("error", (error) => {
      const isMissing = "code" in error && error.code === "ENOENT";
      const fault = isMissing ? `exec: "${program}": executable file not found in $PATH` : error.message;
      resolve({ fault, output: output() });
    });
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("close", (code, signal) => {
      if (code === 0) resolve({ output: output() });
      else resolve({ fault: signal === null ? `exit status ${code}` : `signal: ${signal}`, output: output() });
    });
    // A helper may end without reading
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
