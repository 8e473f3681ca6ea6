/**
 * What goes wrong between a client and its engine, with the texts of Docker's client.
 *
 * No EngineError: the command line loads this folder on its start path, and must not pay for all of `base`.
 */
export class ClientError extends Error {
  /** The HTTP status of the engine's answer; undefined when there was no answer. */
  readonly status: number | undefined;
  /** The engine's own text. */
  readonly detail: string;

  constructor(message: string, options: { status?: number; detail?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "ClientError";
    this.status = options.status;
    this.detail = options.detail ?? message;
  }
}

/** An answer of the engine with a status ≥ 400. */
export const fromDaemon = (status: number, detail: string) =>
  new ClientError(`Error response from daemon: ${detail}`, { status, detail });

/** No connection, in Docker's words. `url` is what was asked for. */
export function connectionFailed(host: string, method: string, url: string, cause: unknown): ClientError {
  const code = codeOf(cause);
  if (code === "EACCES" || code === "EPERM") {
    return new ClientError(
      `permission denied while trying to connect to the Docker daemon socket at ${host}: ` +
        `${title(method)} "${url}": dial ${dialed(host)}: connect: permission denied`,
      { cause },
    );
  }
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK" || code === "ETIMEDOUT") {
    return new ClientError(`Cannot connect to the Docker daemon at ${host}. Is the docker daemon running?`, { cause });
  }
  return new ClientError(`error during connect: ${title(method)} "${url}": ${causeText(host, cause)}`, { cause });
}

/** The connection broke in the middle. */
export const connectionLost = (method: string, url: string, cause?: unknown) =>
  new ClientError(
    `error during connect: ${title(method)} "${url}": ${cause instanceof TunnelError ? cause.message : "EOF"}`,
    { cause },
  );

/** The program that connections go through has ended. */
export class TunnelError extends Error {}

export const tunnelEnded = (command: readonly string[], how: string, stderr: string) =>
  new TunnelError(
    `command [${command.join(" ")}] has exited with ${how}, make sure the URL is valid, ` +
      `and berth is installed on the remote host: stderr=${stderr}`,
  );

export const noSshProgram = () => new TunnelError('exec: "ssh": executable file not found in $PATH');

/** No connection, where nothing was to be sent. */
export function dialFailed(host: string, cause: unknown): ClientError {
  const texts: Readonly<Record<string, string>> = {
    ENOENT: "connect: no such file or directory",
    ECONNREFUSED: "connect: connection refused",
    EACCES: "connect: permission denied",
  };
  const text = texts[codeOf(cause) ?? ""] ?? causeText(host, cause);
  return new ClientError(`dial ${dialed(host)}: ${text}`, { cause });
}

export const malformedResponse = (what: string) => new ClientError(`malformed HTTP response: ${what}`);

export const invalidSshHost = (why: string) =>
  new ClientError(`ssh host connection is not valid: invalid SSH URL: ${why}`);

export const invalidPort = (url: string, port: string) =>
  new ClientError(`parse ${JSON.stringify(url)}: invalid port ${JSON.stringify(`:${port}`)} after host`);

export const invalidHost = (host: string) => new ClientError(`invalid bind address format: ${host}`);

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}

function causeText(host: string, cause: unknown): string {
  const code = codeOf(cause);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return `dial tcp: lookup ${/^[a-z]+:\/\/([^:/]+)/.exec(host)?.[1] ?? host}: no such host`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

function dialed(host: string): string {
  return host.replace("://", " ");
}

function title(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase();
}
