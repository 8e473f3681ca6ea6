import type { ProgressRecord } from "../client/index.ts";
import { humanSize } from "./units.ts";

/**
 * Turns progress records into text: on a terminal each id keeps a line that is written over, elsewhere each change of state
 * is a line and bars are left out.
 */
export class ProgressDisplay {
  readonly #terminal: boolean;
  readonly #columns: number;
  readonly #write: (text: string) => void;
  #lines = new Map<string, number>();

  constructor(write: (text: string) => void, terminal: { columns: number } | undefined) {
    this.#write = write;
    this.#terminal = terminal !== undefined;
    this.#columns = terminal?.columns ?? 200;
  }

  show(record: ProgressRecord): void {
    if (record.stream !== undefined && record.stream !== "") {
      this.#lines.clear();
      this.#write(record.stream);
      return;
    }
    const bar = progressBar(record, this.#columns);
    if (!this.#terminal) {
      if (bar === "" && record.status !== undefined) this.#write(`${prefix(record)}${record.status}\n`);
      return;
    }
    const id = record.id ?? "";
    if (id === "" || record.progressDetail === undefined) {
      // A line that stands: what comes later starts below it
      if (record.status === undefined) return;
      this.#lines.clear();
      this.#write(`${prefix(record)}${record.status}\n`);
      return;
    }
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = this.#lines.size;
      this.#lines.set(id, line);
      this.#write("\n");
    }
    const up = this.#lines.size - line;
    this.#write(`\u001b[${up}A\u001b[2K\r${prefix(record)}${record.status ?? ""} ${bar}\r\u001b[${up}B`);
  }
}

function prefix(record: ProgressRecord): string {
  return record.id === undefined || record.id === "" ? "" : `${record.id}: `;
}

/** `[====>   ]  1.2MB/3MB`; empty when nothing is known. */
export function progressBar({ progressDetail }: ProgressRecord, columns: number): string {
  const current = progressDetail?.current ?? 0;
  const total = progressDetail?.total ?? 0;
  if (current <= 0 && total <= 0) return "";
  if (progressDetail?.units !== undefined && progressDetail.units !== "") {
    return total > 0 ? `${current}/${total} ${progressDetail.units}` : `${current} ${progressDetail.units}`;
  }
  if (total <= 0) return humanSize(current).padStart(8);
  const numbers = `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  if (columns <= 110) return numbers;
  const done = Math.min(50, Math.trunc((current / total) * 50));
  return `[${"=".repeat(done)}>${" ".repeat(Math.max(0, 50 - done))}] ${numbers}`;
}
