import { describe, expect, test } from "bun:test";
import { HttpFault } from "./fault.ts";
import { framingOf, keepsAlive, parseHead } from "./head.ts";

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof HttpFault) return `${error.status} ${error.message}`;
    throw error;
  }
  return "no fault";
}

const head = (...lines: string[]) => parseHead(lines.join("\r\n"), 100);
const withFields = (...fields: string[]) => head("POST / HTTP/1.1", "Host: a", ...fields);

test("a head is taken apart", () => {
  const parsed = head("GET /info?a=b HTTP/1.1", "Host: x", "X-Meta: a", "x-meta:b ");
  expect(parsed.method).toBe("GET");
  expect(parsed.target).toBe("/info?a=b");
  expect(parsed.headers.get("x-meta")).toBe("a, b");
});

describe("malformed heads", () => {
  test.each([
    ["GET /", "400 malformed request line"],
    ["GET  / HTTP/1.1", "400 malformed request line"],
    ["G(T / HTTP/1.1", "400 malformed request line"],
    ["GET / HTTP/1.x", "400 malformed request line"],
    ["", "400 malformed request line"],
    ["PRI * HTTP/2.0", "505 only HTTP/1.1 is spoken here: HTTP/2 is not supported by berth yet"],
    ["GET / HTTP/1.1", "400 missing required Host header"],
  ])("%p", (line, fault) => {
    expect(faultOf(() => head(line))).toBe(fault);
  });
  test.each([
    ["no colon", "400 malformed header field"],
    [" folded: x", "400 malformed header field"],
    ["Bad Name: x", "400 malformed header field"],
    ["Name : x", "400 malformed header field"],
    ["Name: a\u0000b", "400 malformed header field"],
    ["Name: a\nOther: b", "400 malformed header field"],
    ["Host: twice", "400 too many Host headers"],
  ])("%p", (field, fault) => {
    expect(faultOf(() => withFields(field))).toBe(fault);
  });
  test("too many fields", () => {
    const fields = Array.from({ length: 100 }, (_, index) => `X-${index}: a`);
    expect(faultOf(() => withFields(...fields))).toBe("431 too many header fields");
  });
});

describe("framing", () => {
  test("of a body of known length, of chunks, of none", () => {
    expect(framingOf(withFields("Content-Length: 12"))).toEqual({ kind: "length", length: 12 });
    expect(framingOf(withFields("Content-Length: 12", "Content-Length: 12"))).toEqual({ kind: "length", length: 12 });
    expect(framingOf(withFields("Transfer-Encoding: Chunked"))).toEqual({ kind: "chunked" });
    expect(framingOf(withFields())).toEqual({ kind: "length", length: 0 });
  });
  test.each([
    [["Content-Length: 1", "Transfer-Encoding: chunked"], "400 both Transfer-Encoding and Content-Length"],
    [["Content-Length: -1"], "400 bad Content-Length"],
    [["Content-Length: 0x10"], "400 bad Content-Length"],
    [["Transfer-Encoding: gzip, chunked"], "501 unsupported transfer encoding"],
  ])("%p is refused", (fields, fault) => {
    expect(faultOf(() => framingOf(withFields(...fields)))).toBe(fault);
  });
  test("two lengths contradict", () => {
    expect(faultOf(() => withFields("Content-Length: 1", "Content-Length: 2"))).toBe(
      "400 contradicting Content-Length headers",
    );
  });
});

test("connections are kept by version and header", () => {
  expect(keepsAlive(withFields())).toBe(true);
  expect(keepsAlive(withFields("Connection: Upgrade"))).toBe(true);
  expect(keepsAlive(withFields("Connection: foo, Close"))).toBe(false);
  expect(keepsAlive(head("GET / HTTP/1.0"))).toBe(false);
  expect(keepsAlive(head("GET / HTTP/1.0", "Connection: keep-alive"))).toBe(true);
});
