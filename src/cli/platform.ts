import { readPlatformSpecifier } from "../spec/index.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

/** The platform that was asked for, else the one that `DOCKER_DEFAULT_PLATFORM` names; empty when neither does. */
export function wantedPlatform({ env }: Io, given: string): string {
  return given || (env["DOCKER_DEFAULT_PLATFORM"] ?? "");
}

/** A platform as the engine's older operations take it: `linux/arm64`. @throws CliError with containerd's text. */
export function platformText(text: string): string {
  const { os, architecture, variant } = parsed(text);
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** As the newer operations take it. @throws CliError with containerd's text. */
export function platformJson(text: string): string {
  const { os, architecture, variant } = parsed(text);
  return JSON.stringify({ architecture, os, ...(variant === undefined ? {} : { variant }) });
}

/** As an image's operations take several. @throws CliError with Docker's text. */
export function platformsJson(texts: readonly string[]): string[] {
  return texts.map((text) => {
    try {
      return platformJson(text);
    } catch (error) {
      throw error instanceof CliError ? new CliError(`invalid platform: ${error.message}`) : error;
    }
  });
}

function parsed(text: string): { os: string; architecture: string; variant: string | undefined } {
  const read = readPlatformSpecifier(text);
  if ("fault" in read) throw new CliError(read.fault);
  // A system alone means this machine's architecture
  const here = process.arch === "x64" ? "amd64" : process.arch;
  return { ...read.platform, architecture: read.platform.architecture ?? here };
}
