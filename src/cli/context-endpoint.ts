import {
  type Context as StoredContext,
  type ContextTls,
  parseHost,
  readContext,
  readTextFile,
} from "../client/index.ts";
import { CliError, FlagError, messageOf } from "./errors.ts";
import { type Flag, splitCsv, truthOf } from "./flags.ts";

type Endpoint = NonNullable<StoredContext["Endpoints"][string]>;

const KEYS = ["ca", "cert", "from", "host", "key", "skip-tls-verify"];

/** `--docker` of `context create` and `context update`. */
export const endpointFlag: Flag<Readonly<Record<string, string>>> = {
  type: "stringToString",
  help: "Where the engine is: host=…,ca=…,cert=…,key=…,skip-tls-verify=…, or from=CONTEXT",
  shownDefault: "[]",
  initial: {},
  parse: (text, before) => ({
    ...before,
    ...Object.fromEntries(
      splitCsv(text).map((pair) => {
        const equals = pair.indexOf("=");
        if (equals === -1) throw new FlagError(`${pair} must be formatted as key=value`);
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    ),
  }),
};

/**
 * The endpoint that `--docker` describes, with its TLS files.
 * @throws CliError with Docker's text for what describes none.
 */
export async function readEndpoint(
  configDirectory: string,
  given: Readonly<Record<string, string>>,
): Promise<{ endpoint: Endpoint; tls: ContextTls }> {
  try {
    return await read(configDirectory, given);
  } catch (error) {
    throw new CliError(`unable to create docker endpoint config: ${messageOf(error)}`);
  }
}

async function read(
  configDirectory: string,
  given: Readonly<Record<string, string>>,
): Promise<{ endpoint: Endpoint; tls: ContextTls }> {
  const unknown = Object.keys(given)
    .filter((key) => !KEYS.includes(key))
    .sort();
  if (unknown.length > 0) throw new CliError(`unrecognized config key: ${unknown.join(", ")}`);
  const { from, host, "skip-tls-verify": skip = "false" } = given;
  if (from !== undefined) {
    const endpoint = (await readContext(configDirectory, from)).Endpoints["docker"];
    if (endpoint === undefined) throw new CliError(`unable to get endpoint from context "${from}"`);
    return { endpoint, tls: { docker: {} } };
  }
  const SkipTLSVerify = truthOf(skip);
  if (SkipTLSVerify === undefined)
    throw new CliError(`skip-tls-verify: parsing ${JSON.stringify(skip)}: invalid syntax`);
  const files = await tlsFiles(given);
  if (host !== undefined) parseHost(host);
  return { endpoint: { ...(host === undefined ? {} : { Host: host }), SkipTLSVerify }, tls: { docker: files } };
}

async function tlsFiles(given: Readonly<Record<string, string>>): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const part of ["ca", "cert", "key"]) {
    const path = given[part];
    if (path === undefined || path === "") continue;
    const text = await readTextFile(path);
    if (text === undefined) throw new CliError(`open ${path}: no such file or directory`);
    files[`${part}.pem`] = new TextEncoder().encode(text);
  }
  return files;
}
