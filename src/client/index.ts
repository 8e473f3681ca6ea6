export { ByteStream } from "./byte-stream.ts";
export { API_VERSION, type Begun, Client, readText } from "./client.ts";
export {
  type ConfigFile,
  configDirectory,
  type ProxyConfig,
  readConfigFile,
  syntaxFault,
  updateConfigFile,
} from "./config-file.ts";
export {
  checkContextName,
  checkNewContext,
  type Context,
  type ContextTls,
  contextDirectories,
  listContexts,
  readContext,
  readContextTls,
  removeContext,
  writeContext,
} from "./contexts.ts";
export { exitOnSignals } from "./deadly-signals.ts";
export { ClientError, fromDaemon } from "./errors.ts";
export { DEFAULT_HOST, parseHost } from "./host.ts";
export { listensOn } from "./listens.ts";
export { outputSink, rawTerminal, readFileBytes, readTextFile, stdinChunks } from "./native.ts";
export { contextName, type EndpointSettings, environmentHost, resolveEndpoint } from "./resolve.ts";
export { chunksOf, demultiplex, jsonLines, type OutputWriters, progress, type ProgressRecord } from "./streams.ts";
