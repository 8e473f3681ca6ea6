export type OptionType = "string" | "bool" | "int" | "bytes" | "list" | "map";

export type OptionValue = string | boolean | number | string[] | Record<string, string> | undefined;

export interface Option {
  /** Long flag without dashes; undefined for keys that only the file has. */
  flag: string | undefined;
  short?: string;
  /** Key in daemon.json; undefined for flags that the file does not have. */
  key: string | undefined;
  type: OptionType;
  default?: OptionValue;
  /** Allowed values of a string. */
  values?: readonly string[];
  help: string;
  /** Read again on SIGHUP. */
  reload?: boolean;
  /**
   * What berth does not do yet or never will: a value other than the default is refused with this reason.
   */
  refused?: string;
}
