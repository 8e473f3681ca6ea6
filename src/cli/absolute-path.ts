/** A path from the root. The module that resolves it is loaded here, since few commands need it and each would pay for it. */
export function absolutePath(path: string): string {
  return process.getBuiltinModule("node:path").resolve(path);
}
