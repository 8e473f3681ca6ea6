/** Turns of the event loop until the condition holds. @throws when it does not within 30 seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
