/** Signals that end this process unless a command has another use for them. */
const DEADLY = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

let isWatching = false;

/**
 * Has deadly signals end this process by an exit with 128 and the signal's number, instead of at once: what is to be done
 * at its exit is done then, and a raw terminal is itself again. Safe to call again.
 */
export function exitOnSignals(): void {
  if (isWatching) return;
  isWatching = true;
  for (const [signal, number] of Object.entries(DEADLY)) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + number);
    });
  }
}
