/** What a promise is rejected with. @throws when it is not. */
export async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

/** Its text. */
export async function reasonOf(work: Promise<unknown>): Promise<string> {
  return String(await rejectionOf(work));
}
