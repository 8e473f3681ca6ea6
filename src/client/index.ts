export { type ByteStream } from "./byte-stream.ts";
export { API_VERSION, Client, type ClientOptions, type QueryValue, readText, type RequestOptions } from "./client.ts";
export { type ConfigFile, configDirectory, readConfigFile, type StoredAuth, updateConfigFile } from "./config-file.ts";
export {
  checkContextName,
  type Context,
  contextDirectories,
  listContexts,
  readContext,
  removeContext,
  writeContext,
} from "./contexts.ts";
export { ClientError } from "./errors.ts";
export { DEFAULT_HOST, type Endpoint, parseHost } from "./host.ts";
export type { HttpResponse } from "./http.ts";
export { outputSink, readTextFile, stdinChunks } from "./native.ts";
export { contextName, type EndpointSettings, environmentHost, resolveEndpoint } from "./resolve.ts";
export { chunksOf, demultiplex, jsonLines, type OutputWriters, progress, type ProgressRecord } from "./streams.ts";
