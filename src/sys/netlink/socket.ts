import { closeSync } from "node:fs";
import { constants } from "node:os";
import {
  AF_NETLINK,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  SOCK_RAW,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "../constants.ts";
import type { Native } from "../types.ts";
import { decodeAttributes, decodeMessages, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, textOf, u32 } from "./wire.ts";
import type { Message, Request } from "./wire.ts";

const BUFFER_SIZE = 4 << 20;
const MAX_DUMPS = 10;
/** NLMSGERR_ATTR_MSG, behind struct nlmsgerr (error and the header of the request). */
const EXT_ACK_TEXT = 1;
const EXT_ACK_SKIP = 20;

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** A failed netlink request: `code` is the errno's name. */
export class NetlinkError extends Error {
  readonly code: string;
  /** The request that failed: `add link veth0`. */
  readonly what: string;
  constructor(what: string, errno: number, detail: string) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${what}: ${code}${detail === "" ? "" : ` (${detail})`}`);
    this.name = "NetlinkError";
    this.code = code;
    this.what = what;
  }
}

/** A netlink socket in this or another network namespace. Requests run one after another. */
export class NetlinkSocket implements Disposable {
  readonly #native: Native;
  readonly #fd: number;
  #sequence = 1;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  /**
   * @param protocol NETLINK_ROUTE or NETLINK_NETFILTER.
   * @param netnsFd a network namespace, or undefined for the daemon's own.
   */
  constructor(native: Native, protocol: number, netnsFd?: number) {
    this.#native = native;
    this.#fd =
      netnsFd === undefined
        ? native.socket(AF_NETLINK, SOCK_RAW, protocol)
        : native.socketInNetns(netnsFd, AF_NETLINK, SOCK_RAW, protocol);
    native.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, u32(BUFFER_SIZE));
    native.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(BUFFER_SIZE));
    native.setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, u32(1));
    native.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1));
  }

  /**
   * Sends the requests in one datagram and gives the data messages of the answer.
   * @throws NetlinkError of the first request that failed. rtnetlink has done the ones before it and goes on with the
   *   ones after it; nftables does all of a batch or none.
   */
  request(requests: readonly Request[]): Promise<Message[]> {
    const run = this.#tail.then(() => this.#complete(requests));
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /** A listing with gaps is asked for again. */
  async #complete(requests: readonly Request[]): Promise<Message[]> {
    for (let attempt = 1; ; attempt++) {
      const messages = await this.#transact(requests);
      const whole = messages.every((message) => (message.flags & NLM_F_DUMP_INTR) === 0);
      if (whole || attempt === MAX_DUMPS) return messages.filter((message) => message.type > NLMSG_DONE);
    }
  }

  async #transact(requests: readonly Request[]): Promise<Message[]> {
    if (this.#closed) throw new NetlinkError("netlink request", constants.errno.EBADF, "socket closed");
    const first = this.#sequence;
    requests.forEach((item, index) => item.bytes.writeUInt32LE(first + index, 8));
    this.#sequence = (first + requests.length) % 0x7fffffff;
    const answer = await this.#native.netlinkRequest(this.#fd, Buffer.concat(requests.map((item) => item.bytes)));
    const messages = decodeMessages(answer);
    for (const message of messages) {
      if (message.type !== NLMSG_ERROR) continue;
      const errno = -message.payload.readInt32LE(0);
      if (errno === 0) continue;
      const index = message.sequence - first;
      const detail = textOf(decodeAttributes(message.payload, EXT_ACK_SKIP).get(EXT_ACK_TEXT));
      throw new NetlinkError(requests[index]?.what ?? "netlink request", errno, detail);
    }
    return messages;
  }

  /** Waits for the requests under way, then closes. */
  async close(): Promise<void> {
    await this.#tail;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }
}
