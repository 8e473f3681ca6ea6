/** `linux/arm64/v8` as the API's newer operations take it. */
export function platformJson(text: string): string {
  const [os = "", architecture = "", variant] = text.toLowerCase().split("/");
  return JSON.stringify({ architecture, os, ...(variant === undefined ? {} : { variant }) });
}
