//! The options of the blob store.

const DEFAULT_LOCATION: &str = "data/blobs";
const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Where blobs are kept, and their largest size. All processes of one installation must use the same values.
#[derive(Debug, Clone, clap::Args)]
pub struct BlobOptions {
    /// Directory of images and meshes, or its file:// URL. Gateway, workers and status must share it. A missing directory
    /// is created, accessible to its owner only.
    #[arg(long, env = "ORFEAS_BLOBS", default_value = DEFAULT_LOCATION)]
    pub blobs: String,

    /// Largest size of an image or a mesh, in bytes.
    #[arg(long, env = "ORFEAS_BLOB_MAX_BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub blob_max_bytes: u64,

    /// Verify the SHA-256 of files that are read as a whole. This costs about a millisecond per megabyte and detects
    /// files that were damaged or edited.
    #[arg(long, env = "ORFEAS_BLOB_VERIFY", default_value_t = true, action = clap::ArgAction::Set)]
    pub blob_verify: bool,
}

impl Default for BlobOptions {
    fn default() -> Self {
        Self { blobs: DEFAULT_LOCATION.to_owned(), blob_max_bytes: DEFAULT_MAX_BYTES, blob_verify: true }
    }
}

impl BlobOptions {
    /// The defaults, with another directory.
    pub fn at(blobs: impl Into<String>) -> Self {
        Self { blobs: blobs.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let command = BlobOptions::augment_args(clap::Command::new("test").no_binary_name(true));
        let parsed = BlobOptions::from_arg_matches(&command.get_matches_from(Vec::<String>::new())).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", BlobOptions::default()));
    }
}
