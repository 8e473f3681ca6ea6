import type { ConfigFile } from "./config-file.ts";
import { contextTls, readContext } from "./contexts.ts";
import { ClientError } from "./errors.ts";
import { DEFAULT_HOST, type Endpoint, parseHost } from "./host.ts";
import { readTextFile, type TlsOptions } from "./native.ts";

/** What says where the engine is, in the order of Docker's own rules. */
export interface EndpointSettings {
  /** `-H`, at most one. */
  hosts: readonly string[];
  /** `--context`. */
  context: string | undefined;
  configDirectory: string;
  config: ConfigFile;
  env: Readonly<Record<string, string | undefined>>;
  tls: { enabled: boolean; verify: boolean; ca: string; cert: string; key: string };
}

/** The name of the context in use. */
export function contextName(settings: Pick<EndpointSettings, "hosts" | "context" | "config" | "env">): string {
  if (settings.context !== undefined && settings.context !== "") return settings.context;
  if (settings.hosts.length > 0 || environmentHost(settings.env) !== undefined) return "default";
  return settings.env["DOCKER_CONTEXT"] || settings.config.currentContext || "default";
}

/** `BERTH_HOST`, else `DOCKER_HOST`. */
export function environmentHost(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env["BERTH_HOST"] || env["DOCKER_HOST"] || undefined;
}

/**
 * Where to connect: `--context` or `-H`, then the environment, then the chosen context, then berth's own socket.
 * @throws ClientError for conflicting options, an unknown context, unreadable certificates.
 */
export async function resolveEndpoint(settings: EndpointSettings): Promise<Endpoint> {
  if (settings.hosts.length > 1)
    throw new ClientError("Failed to initialize: unable to resolve docker endpoint: Specify only one -H");
  if (settings.context !== undefined && settings.context !== "" && settings.hosts.length > 0) {
    throw new ClientError("conflicting options: cannot specify both --host and --context");
  }
  const name = contextName(settings);
  if (name !== "default") {
    try {
      const context = await readContext(settings.configDirectory, name);
      const endpoint = context.Endpoints["docker"];
      if (endpoint === undefined) throw new ClientError(`context "${name}": no docker endpoint`);
      return parseHost(endpoint.Host || DEFAULT_HOST, await contextTls(settings.configDirectory, context));
    } catch (error) {
      throw unresolved(error);
    }
  }
  const host = settings.hosts[0] ?? environmentHost(settings.env) ?? DEFAULT_HOST;
  try {
    return parseHost(host, host.startsWith("unix:") ? undefined : await flagTls(settings));
  } catch (error) {
    throw unresolved(error);
  }
}

function unresolved(cause: unknown): ClientError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const lead = text.startsWith("ssh host ") ? "" : "unable to resolve docker endpoint: ";
  return new ClientError(`Failed to initialize: ${lead}${text}`, { cause });
}

async function flagTls({ tls, env }: EndpointSettings): Promise<Omit<TlsOptions, "serverName"> | undefined> {
  const verify = tls.verify || (env["DOCKER_TLS_VERIFY"] ?? "") !== "";
  if (!tls.enabled && !verify) return undefined;
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map(readTextFile));
  if (verify && ca === undefined) throw new ClientError(`open ${tls.ca}: no such file or directory`);
  return { ca, cert, key, verify };
}
