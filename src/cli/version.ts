export const PROGRAM = "berth";
/** The version of this client; kept equal to package.json's by a test. */
export const CLIENT_VERSION = "0.1.0";
/** The commit that it was built of, and when that was made; tools/build puts both in. */
export const GIT_COMMIT = process.env.BERTH_COMMIT ?? "unknown";
export const BUILD_TIME = process.env.BERTH_COMMIT_TIME ?? "";
