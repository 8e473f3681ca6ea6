/** What one client may take. */
export interface HttpLimits {
  /** Request line and header fields together. Credentials for many registries come in a header. */
  readonly headBytes: number;
  readonly headerFields: number;
  /** Bodies that are read as a whole. */
  readonly jsonBytes: number;
  /** From the first byte of a head, or a new connection, to the head's end. */
  readonly headMs: number;
  /** For a body that is read as a whole. */
  readonly jsonMs: number;
  /** What is read of a body that no handler wanted, to keep the connection. */
  readonly drainBytes: number;
  /** How long a closing connection still takes what the client sends, so that it can read its answer. */
  readonly lingerMs: number;
  /** How often a half-closed client is looked at, for whether it is still there. */
  readonly presenceMs: number;
}

export const defaultLimits: HttpLimits = {
  headBytes: 256 * 1024,
  headerFields: 200,
  jsonBytes: 8 * 1024 * 1024,
  headMs: 60_000,
  jsonMs: 120_000,
  drainBytes: 256 * 1024,
  lingerMs: 2_000,
  presenceMs: 1_000,
};
