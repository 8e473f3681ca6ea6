import { describe, expect, test } from "bun:test";
import { deflateRawSync } from "node:zlib";
import { tar } from "../../test/support/tar.ts";
import { CliError } from "./errors.ts";
import { packContext, unpackContext } from "./context-archive.ts";

const META = '{"Name":"far","Metadata":{"Description":"text"},"Endpoints":{"docker":{"Host":"tcp://far:1"}}}';
const known = { Metadata: { Description: "text" }, Endpoints: { docker: { Host: "tcp://far:1" } } };
const CA = Buffer.from("certificate\n");
const entry = (name: string, data: string | Buffer) => ({ name, data: Buffer.from(data) });

/** A zip of deflated members. */
function zip(members: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const index: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(members)) {
    const packed = deflateRawSync(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(text.length, 18);
    common.writeUInt16LE(name.length, 22);
    const offset = Buffer.alloc(14);
    offset.writeUInt32LE(at, 10);
    index.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, offset, Buffer.from(name));
    parts.push(Buffer.from("PK\x03\x04", "latin1"), common, Buffer.from(name), packed);
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(members).length, 6);
  end.writeUInt32LE(Buffer.concat(index).length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, ...index, Buffer.from("PK\x05\x06", "latin1"), end]);
}

describe("a context's archive", () => {
  test("brings back what went in", () => {
    const tls = { docker: { "ca.pem": CA, "key.pem": Buffer.from("key") } };
    const archive = packContext({ Name: "far", ...known }, tls);
    expect(unpackContext(Buffer.from(archive))).toEqual({ ...known, tls });
    expect(unpackContext(Buffer.from(packContext({ Name: "far", ...known }, {})))).toEqual({ ...known, tls: {} });
  });

  test("may be a zip", () => {
    const archive = zip({ "meta.json": META, "tls/docker/ca.pem": String(CA) });
    expect(unpackContext(archive)).toEqual({ ...known, tls: { docker: { "ca.pem": CA } } });
    const cut = archive.subarray(0, archive.length - 22);
    expect(() => unpackContext(cut)).toThrow("zip: not a valid zip file");
  });

  test("that was damaged is refused in words", () => {
    const archive = zip({ "meta.json": META, "tls/docker/ca.pem": String(CA) });
    const failures: unknown[] = [];
    for (let at = 4; at < archive.length; at++) {
      const bent = Buffer.from(archive);
      bent.writeUInt8(bent.readUInt8(at) ^ 0xff, at);
      try {
        unpackContext(bent);
      } catch (error) {
        failures.push(error);
      }
    }
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.filter((error) => !(error instanceof CliError))).toEqual([]);
  });

  test.each([
    ["without metadata", [entry("tls/docker/ca.pem", "a")], "invalid context: no metadata found"],
    ["with another file", [entry("meta.json", META), entry("other", "")], "other: unexpected context file"],
    ["that is not JSON", [entry("meta.json", "{")], "parsing meta.json"],
    ["that is no object", [entry("meta.json", "[]")], "parsing meta.json: no context"],
    ["with a file too high", [entry("meta.json", META), entry("tls/ca.pem", "")], "archive format is invalid"],
    ["with a file too deep", [entry("meta.json", META), entry("tls/a/b/c", "")], "archive format is invalid"],
    ["that leads out", [entry("meta.json", META), entry("tls/../../x", "")], "tls/../../x: unexpected path format"],
    [
      "that is too large",
      [entry("meta.json", META), entry("tls/docker/ca.pem", Buffer.alloc((10 << 20) + 1))],
      "read exceeds the defined limit",
    ],
  ])("%s is refused", (_name, entries, why) => {
    expect(() => unpackContext(tar(entries))).toThrow(why);
  });

  test("that unpacks to more than it may is not unpacked further", () => {
    const large = "\0".repeat(9 << 20);
    // Each member is within its own limit; the last one is broken, which is seen only by who gets there
    const archive = zip({ "meta.json": META, "tls/a/b": large, "tls/a/c": large, "tls/a/d": "x" });
    archive.write("??", archive.lastIndexOf("PK\x03\x04"), "latin1");
    expect(() => unpackContext(archive)).toThrow("read exceeds the defined limit");
  });

  test("that is empty or cut is refused", () => {
    expect(() => unpackContext(Buffer.alloc(0))).toThrow("invalid context: no metadata found");
    expect(() => unpackContext(Buffer.from("xx\n"))).toThrow("unexpected EOF");
  });
});
