/** How much goes on at once between this host and registries. */
export interface TransferLimits {
  /** Layers of one image that are fetched and unpacked at once. */
  readonly downloads: number;
  /** Layers of one image that are sent at once. */
  readonly uploads: number;
  /** Tries for one layer before a pull fails. */
  readonly downloadTries: number;
}

/** What dockerd does without options. */
export const DOCKER_LIMITS: TransferLimits = { downloads: 3, uploads: 5, downloadTries: 5 };
