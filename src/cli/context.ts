import {
  Client,
  type ConfigFile,
  configDirectory,
  type EndpointSettings,
  readConfigFile,
  resolveEndpoint,
} from "../client/index.ts";
import type { Context } from "./command.ts";
import type { GlobalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { CLIENT_VERSION } from "./version.ts";

/** What commands get, by the flags before their name. */
export function createContext(io: Io, flags: GlobalFlags): Context {
  const directory = configDirectory(flags.config, io.env);
  const certificates = io.env["DOCKER_CERT_PATH"] || directory;
  let config: Promise<ConfigFile> | undefined;
  let client: Promise<Client> | undefined;
  const readConfig = () =>
    (config ??= readConfigFile(directory).then(({ config: read, fault }) => {
      if (fault !== undefined) io.err(`WARNING: ${fault}\n`);
      return read;
    }));
  const settings = async (): Promise<EndpointSettings> => ({
    hosts: flags.host,
    context: flags.context,
    configDirectory: directory,
    config: await readConfig(),
    env: io.env,
    tls: {
      enabled: flags.tls || flags.tlsverify,
      verify: flags.tlsverify,
      ca: flags.tlscacert || `${certificates}/ca.pem`,
      cert: flags.tlscert || `${certificates}/cert.pem`,
      key: flags.tlskey || `${certificates}/key.pem`,
    },
  });
  const connect = async () =>
    new Client({
      endpoint: await resolveEndpoint(await settings()),
      headers: await headersOf(io.env, await readConfig()),
      userAgent: `Berth-Client/${CLIENT_VERSION} (linux)`,
      apiVersion: io.env["DOCKER_API_VERSION"] || undefined,
    });
  return {
    io,
    client: () => (client ??= connect()),
    config: readConfig,
    configDirectory: directory,
    endpointSettings: settings,
    debug: flags.debug,
  };
}

/** What is sent with each request: of the environment, else of the config file. */
async function headersOf(
  env: Io["env"],
  { HttpHeaders: configured = {} }: ConfigFile,
): Promise<Record<string, string>> {
  const text = env["DOCKER_CUSTOM_HEADERS"] ?? "";
  if (text === "" && Object.keys(configured).length === 0) return {};
  const { checkHeaders, customHeaders } = await import("./custom-headers.ts");
  const custom = customHeaders(text);
  const headers = Object.keys(custom).length === 0 ? configured : custom;
  checkHeaders(headers);
  return headers;
}
