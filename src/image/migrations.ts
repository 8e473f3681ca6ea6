/**
 * images           one row an image; `config` is the exact text that `id` is the digest of
 * image_references names (full form, with tag or digest) to images
 * layers           unpacked layers: a committed snapshot is named by each chain id
 * image_layers     which layers an image is made of, bottom first
 * layer_blobs      how the tar of a diff id can be had again: a blob of the content store
 * layer_sources    repositories that are known to hold a blob (cross-repository mounts at push)
 * unsettled_layers unpacked layers whose files may not be on the disk yet, with the machine's boot that they are of; also
 *                  of those that have lost their row and are still stood upon
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE images (
     id TEXT PRIMARY KEY,
     config BLOB NOT NULL,
     chain_id TEXT,
     size INTEGER NOT NULL,
     parent TEXT,
     tagged_at TEXT
   ) STRICT;
   CREATE TABLE image_references (
     name TEXT PRIMARY KEY,
     repository TEXT NOT NULL,
     image_id TEXT NOT NULL REFERENCES images(id)
   ) STRICT;
   CREATE INDEX image_references_by_image ON image_references (image_id);
   CREATE INDEX images_by_parent ON images (parent);
   CREATE TABLE layers (
     chain_id TEXT PRIMARY KEY,
     diff_id TEXT NOT NULL,
     parent TEXT,
     size INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX layers_by_diff ON layers (diff_id);
   CREATE TABLE image_layers (
     image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
     position INTEGER NOT NULL,
     chain_id TEXT NOT NULL REFERENCES layers(chain_id),
     PRIMARY KEY (image_id, position)
   ) STRICT;
   CREATE INDEX image_layers_by_chain ON image_layers (chain_id);
   CREATE TABLE layer_blobs (
     diff_id TEXT PRIMARY KEY,
     digest TEXT NOT NULL,
     size INTEGER NOT NULL,
     tar_size INTEGER NOT NULL,
     media_type TEXT NOT NULL
   ) STRICT;
   CREATE INDEX layer_blobs_by_digest ON layer_blobs (digest);
   CREATE TABLE layer_sources (
     digest TEXT NOT NULL,
     repository TEXT NOT NULL,
     PRIMARY KEY (digest, repository)
   ) STRICT`,
  `CREATE TABLE unsettled_layers (
     chain_id TEXT PRIMARY KEY,
     boot TEXT NOT NULL
   ) STRICT`,
];
