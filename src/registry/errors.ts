import { readFileSync } from "node:fs";
import {
  deadline,
  EngineError,
  errnoOf,
  invalid,
  messageOf,
  unauthorized,
  unavailable,
  unknown,
  type Digest,
  type ErrorKind,
} from "../base/index.ts";

/** An answer of a registry that is not what was asked for. `code` is of the distribution spec ("Error Codes"). */
export class RegistryError extends EngineError {
  readonly status: number;
  readonly code: string;

  constructor(kind: ErrorKind, message: string, status: number, code: string) {
    super(kind, message);
    this.status = status;
    this.code = code;
  }
}

const NETWORK_TEXTS: Record<string, string> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
  EACCES: "connect: permission denied",
};

/** The request never got an answer; texts as Go's net/http words them, which clients know. */
export function requestFailed(method: string, url: URL, error: unknown): EngineError {
  const text = `${goMethod(method)} "${url.href}": ${networkText(url, error)}`;
  return unknown(text, { cause: error });
}

export const headersTimedOut = (method: string, url: URL) =>
  deadline(
    `${goMethod(method)} "${url.href}": net/http: request canceled while waiting for connection ` +
      "(Client.Timeout exceeded while awaiting headers)",
  );
export const bodyStalled = (url: URL) => unavailable(`reading ${url.origin}: no data for too long: i/o timeout`);
export const connectionDropped = (url: URL, cause: unknown) =>
  unavailable(`reading ${url.origin}: unexpected EOF`, { cause });
export const tooManyRedirects = (url: URL) => invalid(`Get "${url.href}": stopped after 10 redirects`);
export const badRedirect = (url: URL, why: string) =>
  invalid(`Get "${url.href}": refused to follow a redirect: ${why}`);
export const badUrl = (text: string) => invalid(`invalid registry address ${JSON.stringify(text)}`);
export const answerTooLarge = (url: URL, limit: number) =>
  invalid(`reading ${url.pathname} from ${url.host}: the answer is larger than ${limit} bytes`);
export const answerUnreadable = (url: URL, cause: unknown) =>
  invalid(`reading ${url.pathname} from ${url.host}: the answer is no JSON: ${messageOf(cause)}`, { cause });
export const searchStatus = (status: number) => unknown(`Unexpected status code ${status}`);
export const noSearch = (domain: string, why: string) =>
  invalid(
    `invalid registry endpoint https://${domain}/v1/: ${why}. If this private registry supports only HTTP or HTTPS with an ` +
      `unknown CA certificate, please add \`--insecure-registry ${domain}\` to the daemon's arguments. In the case of HTTPS, ` +
      `if you have access to the registry's CA certificate, no need for the flag; simply place the CA certificate at ` +
      `/etc/docker/certs.d/${domain}/ca.crt`,
  );
export const noInsecureSearch = (domain: string, https: string, http: string) =>
  invalid(`invalid registry endpoint "http://${domain}/v1/". HTTPS attempt: ${https}. HTTP attempt: ${http}`);
export const clientKeyMissing = (key: string, certificate: string) =>
  invalid(`missing key ${key} for client certificate ${certificate}. CA certificates must use the extension .crt`);
export const clientCertificateMissing = (certificate: string, key: string) =>
  invalid(`missing client certificate ${certificate} for key ${key}`);
export const wrongManifestDigest = (expected: Digest, actual: Digest) =>
  invalid(`manifest verification failed for digest ${expected}: got ${actual}`);
export const noBasicCredentials = (method: string, url: URL) =>
  unauthorized(`${goMethod(method)} "${url.href}": no basic auth credentials`);
export const insecureRealm = (realm: string) =>
  invalid(
    `the registry wants a token from ${JSON.stringify(realm)}, which is neither https nor on its own insecure host`,
  );
export const loginFailed = (url: URL, status: string) => unauthorized(`Get "${url.href}": unauthorized: ${status}`);
export const uploadWithoutLocation = () => invalid("the registry named no place to upload to");

export const tokenMissing = (realm: URL) =>
  unknown(`Get "${realm.href}": authorization server did not include a token in the response`);

/** The code, text and kind of an answer that is an error (distribution spec, "Error Codes"). */
export function registryError(
  method: string,
  url: URL,
  answer: { status: number; header(name: string): string | undefined },
  body: string,
): RegistryError {
  const { status } = answer;
  // RFC 6750, 3.1: the token is good, but not for this.
  if (status === 401 && /error="?insufficient_scope/.test(answer.header("www-authenticate") ?? "")) {
    return new RegistryError("forbidden", "denied: requested access to the resource is denied", status, "DENIED");
  }
  const first = firstError(body);
  if (first !== undefined) {
    const code = first.code.toLowerCase().replaceAll("_", " ");
    const text = first.message === "" ? code : `${code}: ${first.message}`;
    return new RegistryError(kindOf(status, first.code), text, status, first.code);
  }
  if (status === 401)
    return new RegistryError("unauthorized", "unauthorized: authentication required", 401, "UNAUTHORIZED");
  if (status === 429)
    return new RegistryError("unavailable", "toomanyrequests: " + oneLine(body), 429, "TOOMANYREQUESTS");
  const text = `received unexpected HTTP status: ${status}${body === "" ? "" : `: ${oneLine(body)}`}`;
  return new RegistryError(kindOf(status, ""), `${goMethod(method)} "${url.href}": ${text}`, status, "");
}

export function isMissing(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.status === 404;
}

/** As Docker has it of whatever a registry says. */
export const unknownBlob = (code: string) => new RegistryError("not-found", "unknown blob", 404, code);

/** Trying again may help: the network or the registry failed, not the request. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RegistryError) return error.status >= 500 || error.status === 429;
  if (!(error instanceof EngineError)) return false;
  return error.kind === "unavailable" || error.kind === "deadline" || error.kind === "unknown";
}

function kindOf(status: number, code: string): ErrorKind {
  if (code === "DENIED" || status === 403) return "forbidden";
  if (status === 401) return "unauthorized";
  if (status === 404) return "not-found";
  if (status === 429 || status >= 500) return "unavailable";
  return status >= 400 && status < 500 ? "invalid" : "unknown";
}

function firstError(body: string): { code: string; message: string } | undefined {
  try {
    const value = JSON.parse(body) as { errors?: Array<{ code?: unknown; message?: unknown }> }; // checked below
    const first = value.errors?.[0];
    if (typeof first?.code !== "string") return undefined;
    return { code: first.code, message: typeof first.message === "string" ? oneLine(first.message) : "" };
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 500);
}

function goMethod(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}

function networkText(url: URL, error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors.at(-1) as unknown) : error;
  const errno = errnoOf(cause) ?? errnoOf(error) ?? "";
  if (errno === "ENOTFOUND" || errno === "EAI_AGAIN")
    return `dial tcp: lookup ${url.hostname}${nameServer()}: no such host`;
  const text = NETWORK_TEXTS[errno];
  if (text !== undefined) return `dial tcp ${addressOf(url, cause)}: ${text}`;
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|EPROTO|wrong version number/i.test(`${errno} ${messageOf(cause)}`)) {
    return "http: server gave HTTP response to HTTPS client";
  }
  if (errno === "ECONNRESET" || errno === "EPIPE") return "EOF";
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(errno)) {
    return `tls: failed to verify certificate: x509: ${certificateText(errno, messageOf(cause))}`;
  }
  return messageOf(cause);
}

function certificateText(errno: string, message: string): string {
  if (errno === "CERT_HAS_EXPIRED") return "certificate has expired or is not yet valid";
  return /ALTNAME/.test(errno) ? message : "certificate signed by unknown authority";
}

function addressOf(url: URL, error: unknown): string {
  const { address, port } = (error ?? {}) as { address?: unknown; port?: unknown }; // Node adds them to connect errors
  const defaultPort = url.protocol === "https:" ? 443 : 80;
  const host = typeof address === "string" ? address : url.hostname;
  return `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${typeof port === "number" ? port : url.port || defaultPort}`;
}

/** Go names the server that it asked. */
function nameServer(): string {
  try {
    const first = /^\s*nameserver\s+(\S+)/m.exec(readFileSync("/etc/resolv.conf", "utf8"))?.[1];
    return first === undefined ? "" : ` on ${first.includes(":") ? `[${first}]` : first}:53`;
  } catch {
    return "";
  }
}
