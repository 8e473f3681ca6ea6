/** `BERTH_TEST_PATIENCE=10`: this machine is so many times slower than one of metal (an emulated one, say). */
export const PATIENCE = Number(process.env["BERTH_TEST_PATIENCE"] ?? 1);
/** Milliseconds after which a condition that never came fails its test. */
const LIMIT = 60_000 * PATIENCE;

/** Asks again until `probe` gives something other than undefined and false. @throws when it never does. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  limit = LIMIT,
): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + limit;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>; // just tested
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
