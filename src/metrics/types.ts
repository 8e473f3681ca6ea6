/** One value of a family, with its labels in the order in which they are written. */
export interface Sample {
  /** What follows the family's name: `_bucket`, `_sum`, `_count` of a histogram, else nothing. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Values under one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** The values now. */
  samples(): Iterable<Sample> | Promise<Iterable<Sample>>;
}
