export const PROGRAM = "berth";
/** The version of this client; kept equal to package.json's by a test. */
export const CLIENT_VERSION = "0.1.0";
