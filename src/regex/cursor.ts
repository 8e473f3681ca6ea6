/** A place in an expression, which is read by characters (code points). */
export class Cursor {
  readonly chars: readonly string[];
  at = 0;

  constructor(text: string) {
    this.chars = Array.from(text);
  }

  peek(ahead = 0): string | undefined {
    return this.chars[this.at + ahead];
  }

  /** Goes on past `text` when it comes next. */
  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  /** @param text of ASCII. */
  startsWith(text: string): boolean {
    return this.slice(this.at, this.at + text.length) === text;
  }

  /** The place of `text` from `start` on, or -1. @param text of one or two characters. */
  indexOf(text: string, start: number): number {
    const { chars } = this;
    const [first, second] = text;
    const isAt = (at: number): boolean => second === undefined || chars[at + 1] === second;
    let at = chars.indexOf(first ?? "", start);
    while (at >= 0 && !isAt(at)) at = chars.indexOf(first ?? "", at + 1);
    return at;
  }

  slice(start: number, end: number): string {
    return this.chars.slice(start, end).join("");
  }

  /** What was read since `start`. */
  from(start: number): string {
    return this.slice(start, this.at);
  }

  /** All that is left from `start` on. */
  rest(start: number): string {
    return this.slice(start, this.chars.length);
  }
}
