/** A label, or an annotation, by which clients that do not know of `--restart-on-unhealthy` can ask for it: true or false. */
export const RESTART_ON_UNHEALTHY = "berth.restart-on-unhealthy";
