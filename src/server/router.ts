import {
  type ApiVersionText,
  compareApiVersions,
  MAX_API_VERSION,
  operationList,
  parseApiVersion,
  type OperationName,
  pendingOperations,
  type PendingOperation,
} from "../api/index.ts";

/** What a path leads to. */
export type Destination =
  | { readonly kind: "operation"; readonly name: OperationName }
  | { readonly kind: "pending"; readonly row: PendingOperation };

export interface Match {
  readonly destination: Destination;
  /** What stood for the path's placeholder, or empty. */
  readonly ref: string;
}

interface Pattern {
  readonly pattern: RegExp;
  /** Characters that are not placeholders: the more, the sooner it is tried. */
  readonly weight: number;
  readonly destination: Destination;
}

/** Finds operations by method and decoded path. Names may hold slashes, as images' names do. */
export class Router {
  readonly #exact = new Map<string, Destination>();
  /** By method and first segment. */
  readonly #patterns = new Map<string, Pattern[]>();

  constructor() {
    for (const [name, row] of operationList) {
      this.#add(row.method, row.path, { kind: "operation", name });
      if (row.alias !== undefined) this.#add(row.method, row.alias, { kind: "operation", name });
    }
    for (const row of pendingOperations) {
      if (isTooNew(row.since)) continue;
      this.#add(row.method, row.path, { kind: "pending", row });
    }
    for (const patterns of this.#patterns.values()) patterns.sort((a, b) => b.weight - a.weight);
  }

  find(method: string, path: string): Match | undefined {
    const exact = this.#exact.get(`${method} ${path}`);
    if (exact !== undefined) return { destination: exact, ref: "" };
    for (const candidate of this.#patterns.get(`${method} ${firstSegment(path)}`) ?? []) {
      const found = candidate.pattern.exec(path);
      if (found !== null) return { destination: candidate.destination, ref: found[1] ?? "" };
    }
    return undefined;
  }

  #add(method: string, path: string, destination: Destination): void {
    if (!path.includes("{")) {
      this.#exact.set(`${method} ${path}`, destination);
      return;
    }
    const key = `${method} ${firstSegment(path)}`;
    const patterns = this.#patterns.get(key) ?? [];
    const source = path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll(/\{\w+\}/g, "(.+)");
    const weight = path.replaceAll(/\{\w+\}/g, "").length;
    patterns.push({ pattern: new RegExp(`^${source}$`, "s"), weight, destination });
    this.#patterns.set(key, patterns);
  }
}

function firstSegment(path: string): string {
  const end = path.indexOf("/", 1);
  return end === -1 ? path : path.slice(0, end);
}

/** An operation of versions that are not spoken does not exist. */
function isTooNew(since: ApiVersionText | undefined): boolean {
  return since !== undefined && compareApiVersions(parseApiVersion(since), MAX_API_VERSION) > 0;
}
