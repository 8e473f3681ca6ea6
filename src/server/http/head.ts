import { HttpFault } from "./fault.ts";

/** A request's head: names of headers are in lower case, fields of the same name are joined by a comma. */
export interface RequestHead {
  readonly method: string;
  /** As sent: path and query, not decoded. */
  readonly target: string;
  readonly minor: 0 | 1;
  readonly headers: ReadonlyMap<string, string>;
}

/** How the body that follows is delimited. */
export type Framing = { readonly kind: "length"; readonly length: number } | { readonly kind: "chunked" };

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(\d)\.(\d)$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;
// RFC 9110 §5.5: a field value holds no control character but the tab.
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * Parses what stands before the empty line.
 * @param text the head without its last line ends, one character a byte.
 * @throws HttpFault 400 for what RFC 9112 forbids, 431 for too many fields, 505 for another protocol.
 */
export function parseHead(text: string, maxFields: number): RequestHead {
  const lines = text.split("\r\n");
  const [, method, target, major, minor] = REQUEST_LINE.exec(lines[0] ?? "") ?? [];
  if (method === undefined || target === undefined) throw new HttpFault(400, "malformed request line");
  if (major !== "1") throw new HttpFault(505, "only HTTP/1.1 is spoken here: HTTP/2 is not supported by berth yet");
  if (lines.length - 1 > maxFields) throw new HttpFault(431, "too many header fields");
  const headers = new Map<string, string>();
  for (let index = 1; index < lines.length; index += 1) addField(headers, lines[index] ?? "");
  const head = { method, target, minor: minor === "0" ? 0 : 1, headers } as const;
  if (head.minor === 1 && !headers.has("host")) throw new HttpFault(400, "missing required Host header");
  return head;
}

function addField(headers: Map<string, string>, line: string): void {
  const [, name, value] = FIELD.exec(line) ?? [];
  if (name === undefined || value === undefined || CONTROL.test(value))
    throw new HttpFault(400, "malformed header field");
  const key = name.toLowerCase();
  const before = headers.get(key);
  if (before !== undefined && key === "host") throw new HttpFault(400, "too many Host headers");
  if (before !== undefined && key === "content-length" && before !== value) {
    throw new HttpFault(400, "contradicting Content-Length headers");
  }
  headers.set(key, before === undefined || key === "content-length" ? value : `${before}, ${value}`);
}

/**
 * How the body is delimited (RFC 9112 §6.3).
 * @throws HttpFault 400 when two delimiters contradict (request smuggling), 501 for other codings than chunked.
 */
export function framingOf(head: RequestHead): Framing {
  const coding = head.headers.get("transfer-encoding");
  const length = head.headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw new HttpFault(400, "both Transfer-Encoding and Content-Length");
    if (head.minor === 0 || coding.toLowerCase() !== "chunked")
      throw new HttpFault(501, "unsupported transfer encoding");
    return { kind: "chunked" };
  }
  if (length === undefined) return { kind: "length", length: 0 };
  if (!/^\d{1,15}$/.test(length)) throw new HttpFault(400, "bad Content-Length");
  return { kind: "length", length: Number(length) };
}

/** Whether the client wants to send another request afterwards. */
export function keepsAlive(head: RequestHead): boolean {
  const tokens = (head.headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/);
  return head.minor === 1 ? !tokens.includes("close") : tokens.includes("keep-alive");
}
