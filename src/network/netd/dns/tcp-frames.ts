/** DNS messages on a TCP stream: each after its length in two bytes (RFC 1035 §4.2.2). */
export class TcpFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that are complete with these bytes (never text: the sockets have no encoding set). */
  push(data: Uint8Array | string): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(data)]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 2) {
      const length = this.#rest.readUInt16BE(0);
      if (this.#rest.length < 2 + length) break;
      messages.push(this.#rest.subarray(2, 2 + length));
      this.#rest = this.#rest.subarray(2 + length);
    }
    return messages;
  }

  static frame(message: Buffer): Buffer {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  }
}
