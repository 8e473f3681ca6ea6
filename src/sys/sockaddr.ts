import { AF_INET, AF_INET6, AF_UNIX } from "./constants.ts";

/** struct sockaddr_in or sockaddr_in6, by the address's length: 4 or 16 bytes. */
export function socketAddress(address: Uint8Array, port: number): Buffer {
  const bytes = Buffer.alloc(address.length === 4 ? 16 : 28);
  bytes.writeUInt16LE(address.length === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, address.length === 4 ? 4 : 8);
  return bytes;
}

/** The port of a struct sockaddr_in or sockaddr_in6. */
export function portOf(sockaddr: Buffer): number {
  return sockaddr.readUInt16BE(2);
}

/** struct sockaddr_un of a path, which has at most 107 bytes. */
export function unixAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX, 0);
  return Buffer.concat([family, Buffer.from(`${path}\0`)]);
}
