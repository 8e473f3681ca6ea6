import { conflict, errnoOf, invalid, messageOf, notFound, unavailable, type EngineError } from "../base/index.ts";

const HELP = "See 'berth daemon --help'.";

export const unknownFlag = (flag: string): EngineError => invalid(`unknown flag: ${flag}\n${HELP}`);
export const flagNeedsValue = (flag: string): EngineError => invalid(`flag needs an argument: ${flag}\n${HELP}`);
export const badFlagValue = (flag: string, value: string, why: string): EngineError =>
  invalid(`invalid argument "${value}" for "${flag}" flag: ${why}\n${HELP}`);
export const extraArgument = (argument: string): EngineError =>
  invalid(`"berth daemon" accepts no arguments, got "${argument}"\n${HELP}`);

const inFile = (file: string, why: string, options?: { cause?: unknown }): EngineError =>
  invalid(`unable to configure the daemon with file ${file}: ${why}`, options);
export const unreadableFile = (file: string, cause: unknown): EngineError =>
  inFile(file, cause instanceof Error ? cause.message : String(cause), { cause });
export const notAnObject = (file: string): EngineError => inFile(file, "it must hold one JSON object");
export const unknownKeys = (file: string, keys: string[]): EngineError =>
  inFile(file, `the following directives don't match any configuration option: ${keys.join(", ")}`);
export const badKeyValue = (file: string, key: string, why: string): EngineError => inFile(file, `${key}: ${why}`);
export const flagAndKey = (file: string, pairs: string[]): EngineError =>
  inFile(
    file,
    `the following directives are specified both as a flag and in the configuration file: ${pairs.join(", ")}`,
  );
export const refusedOption = (name: string, reason: string): EngineError =>
  invalid(`option ${name} cannot be set: ${reason}`);
export const rootInUse = (root: string): EngineError =>
  conflict(`data root ${root} is in use by another daemon: stop that one, or choose another --data-root`);
export const plainTcp = (host: string): EngineError =>
  invalid(
    `${host}: tcp without TLS lets everyone who can connect become root: set --tlsverify with --tlscacert, --tlscert and --tlskey, or ask for it with --allow-plain-tcp`,
  );
export const lacksCertificates = (host: string, lacking: string[]): EngineError =>
  invalid(`${host}: TLS needs ${lacking.map((name) => `--${name}`).join(" and ")}`);
export const unknownGroup = (name: string): EngineError => invalid(`group ${name} not found: it cannot own the socket`);
export const unknownRuntime = (name: string): EngineError =>
  invalid(`specified default runtime "${name}" does not exist: register it with --add-runtime`);
export const unknownLogDriver = (name: string): EngineError =>
  invalid(`log-driver: no log driver named "${name}" is registered`);
export const badHost = (host: string): EngineError =>
  invalid(`invalid host "${host}": expected unix://PATH, tcp://HOST:PORT or fd://`);
export const noSockets = (): EngineError =>
  invalid("no sockets were handed over by the service manager: LISTEN_FDS is not set for this process");
export const pidFileInUse = (path: string, pid: number): EngineError =>
  conflict(`process with PID ${pid} is still running: stop it, or choose another --pidfile than ${path}`);
export const noDaemon = (pidFile: string): EngineError =>
  notFound(`no daemon runs that ${pidFile} names: start it, or choose another --pidfile`);
/** Docker's texts. */
export const badMetricsAddress = (text: string, why: string): EngineError =>
  invalid(`failed to start metrics server: error parsing tcp address: address ${text}: ${why}`);
export const badMetricsPort = (port: string): EngineError =>
  invalid(
    /^\d+$/.test(port)
      ? `failed to start metrics server: listen tcp: address ${port}: invalid port`
      : `failed to start metrics server: error parsing tcp address: strconv.Atoi: parsing "${port}": invalid syntax`,
  );
export const metricsNotServed = (address: string, cause: unknown): EngineError =>
  unavailable(`failed to start metrics server: listen tcp ${address}: ${reasonOf(cause)}`);

/** As Go tells of a failed listen(2). */
function reasonOf(cause: unknown): string {
  switch (errnoOf(cause)) {
    case "EADDRINUSE":
      return "bind: address already in use";
    case "EADDRNOTAVAIL":
      return "bind: cannot assign requested address";
    case "ENOTFOUND":
      return "no such host";
    default:
      return messageOf(cause);
  }
}

export const badPool = (text: string): EngineError =>
  invalid(`invalid default-address-pool "${text}": expected base=CIDR,size=N`);
export const badUlimit = (name: string, text: string): EngineError =>
  invalid(`invalid default-ulimit ${name}=${text}: expected soft[:hard], whole numbers with soft not above hard`);
export const badExecOption = (text: string): EngineError =>
  invalid(`unknown exec-opt "${text}": expected native.cgroupdriver=cgroupfs or native.cgroupdriver=systemd`);
export const unknownRemapUser = (name: string): EngineError =>
  invalid(
    `userns-remap: /etc/passwd has no user "${name}": make it (useradd --system --no-create-home ${name}), or name another one`,
  );
export const unknownRemapGroup = (name: string): EngineError =>
  invalid(`userns-remap: /etc/group has no group "${name}"`);
export const noSubordinateIds = (file: string, user: string): EngineError =>
  invalid(`userns-remap: ${file} has no range for "${user}": add a line such as ${user}:165536:65536`);
