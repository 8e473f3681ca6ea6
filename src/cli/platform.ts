import { CliError } from "./errors.ts";

/** What Docker's command says of a platform with too many parts. */
export function platformFault(text: string): string {
  return `${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`;
}

/** `linux/arm64/v8` as the API's newer operations take it. @throws CliError for too many parts. */
export function platformJson(text: string): string {
  if (text.split("/").length > 3) throw new CliError(platformFault(text));
  const [os = "", architecture = "", variant] = text.toLowerCase().split("/");
  return JSON.stringify({ architecture, os, ...(variant === undefined ? {} : { variant }) });
}
