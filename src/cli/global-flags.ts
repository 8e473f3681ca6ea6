import { bool, list, plain, string } from "./flags.ts";

/** What may stand before the name of a command. */
export const globalFlags = {
  config: plain("Folder of the client's configuration"),
  context: string("Context to use; wins over the environment and the stored choice", { short: "c" }),
  debug: bool("Say more about what goes on", { short: "D" }),
  host: list("Where the engine listens", { short: "H" }),
  "log-level": string("Least grave messages that are shown (debug, info, warn, error, fatal)", {
    short: "l",
    initial: "info",
  }),
  tls: bool("Encrypt the connection"),
  tlscacert: plain("Certificate of the authority that is trusted"),
  tlscert: plain("Certificate of this client"),
  tlskey: plain("Key of this client's certificate"),
  tlsverify: bool("Encrypt the connection and verify the engine"),
  version: bool("Print the version", { short: "v" }),
};

export type GlobalFlags = { [K in keyof typeof globalFlags]: (typeof globalFlags)[K]["initial"] };
