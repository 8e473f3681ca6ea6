import { Text, type TextMethods } from "../template/index.ts";

/**
 * What can be asked of a mode: Docker's command runs templates on its own types, which have methods
 * (`{{.HostConfig.NetworkMode.IsHost}}`).
 */
type Methods = Readonly<Record<string, (mode: string) => unknown>>;

const is = (value: string) => (mode: string) => mode === value;
const isNot = (value: string) => (mode: string) => mode !== value;
const isContainer = (mode: string) => mode.startsWith("container:");
const container = (mode: string) => (isContainer(mode) ? mode.slice("container:".length) : "");
const oneOf =
  (...values: readonly string[]) =>
  (mode: string) =>
    values.includes(mode);
const isOwn = (mode: string) => mode !== "host" && !isContainer(mode);
/** As Docker checks another's namespace: the container must be named. */
const namesContainer = (mode: string) => container(mode) !== "";

const isUserDefined = (mode: string) => !oneOf("default", "bridge", "host", "none")(mode) && !isContainer(mode);

/** The methods of each member of `HostConfig` that is a mode. */
const MODES: Readonly<Record<string, Methods>> = {
  NetworkMode: {
    IsNone: is("none"),
    IsDefault: is("default"),
    IsBridge: is("bridge"),
    IsHost: is("host"),
    IsPrivate: isOwn,
    IsContainer: isContainer,
    ConnectedContainer: container,
    IsUserDefined: isUserDefined,
    UserDefined: (mode) => (isUserDefined(mode) ? mode : ""),
    NetworkName: (mode) => (isContainer(mode) ? "container" : mode),
  },
  IpcMode: {
    IsPrivate: is("private"),
    IsHost: is("host"),
    IsShareable: is("shareable"),
    IsNone: is("none"),
    IsEmpty: is(""),
    IsContainer: isContainer,
    Container: container,
    Valid: (mode) => oneOf("", "none", "private", "host", "shareable")(mode) || namesContainer(mode),
  },
  PidMode: {
    IsPrivate: isOwn,
    IsHost: is("host"),
    IsContainer: isContainer,
    Container: container,
    Valid: (mode) => oneOf("", "host")(mode) || namesContainer(mode),
  },
  UTSMode: { IsPrivate: isNot("host"), IsHost: is("host"), Valid: oneOf("", "host") },
  UsernsMode: { IsPrivate: isNot("host"), IsHost: is("host"), Valid: oneOf("", "host") },
  CgroupnsMode: {
    IsPrivate: is("private"),
    IsHost: is("host"),
    IsEmpty: is(""),
    Valid: oneOf("", "private", "host"),
  },
  Cgroup: {
    IsContainer: isContainer,
    Container: container,
    Valid: (mode) => mode === "" || namesContainer(mode),
  },
  Isolation: {
    IsDefault: (mode) => oneOf("", "default")(mode.toLowerCase()),
    IsHyperV: (mode) => mode.toLowerCase() === "hyperv",
    IsProcess: (mode) => mode.toLowerCase() === "process",
  },
};

/** The modes of a `HostConfig` with their methods. */
export function modesOf(host: Readonly<Record<string, unknown>>): Record<string, Text> {
  const modes: Record<string, Text> = {};
  for (const [name, methods] of Object.entries(MODES)) {
    const mode = host[name] ?? "";
    if (typeof mode === "string") modes[name] = withMethods(mode, methods);
  }
  return modes;
}

const PORT: Methods = {
  Port: (port) => port.replace(/\/.*/, ""),
  Proto: (port) => /\/(.*)/.exec(port)?.[1] ?? "tcp",
  Int: (port) => Number(port.replace(/[-/].*/, "")),
};

/** A key of ports, `80/tcp`. */
export function portKey(key: string): Text {
  return withMethods(key, PORT);
}

/** The methods of a `RestartPolicy`. */
export function policyMethods(policy: Readonly<Record<string, unknown>>): Record<string, () => boolean> {
  const { Name: name = "" } = policy;
  return {
    IsNone: () => name === "no" || name === "",
    IsAlways: () => name === "always",
    IsOnFailure: () => name === "on-failure",
    IsUnlessStopped: () => name === "unless-stopped",
  };
}

function withMethods(text: string, methods: Methods): Text {
  const bound: TextMethods = Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, () => method(text)]),
  );
  return new Text(text, bound);
}
