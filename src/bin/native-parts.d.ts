// Files that Bun puts into the executable: each import gives the file's path.
declare module "*/berth.node" {
  const path: string;
  export default path;
}
declare module "*/berth-shim" {
  const path: string;
  export default path;
}
declare module "*/berth-init" {
  const path: string;
  export default path;
}
