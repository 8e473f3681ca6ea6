/** What this build is. `BERTH_COMMIT` is put in by tools/build. */
export const VERSION = "0.1.0";
export const GIT_COMMIT = process.env.BERTH_COMMIT ?? "unknown";
/** Newest and oldest API version that is served (docs/http.md says why not newer). */
export const API_VERSION = "1.51";
export const MIN_API_VERSION = "1.24";
