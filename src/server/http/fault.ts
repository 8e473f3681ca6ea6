/** A request that breaks HTTP itself: answered in plain text, and the connection closes. */
export class HttpFault extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "HttpFault";
    this.status = status;
  }
}
