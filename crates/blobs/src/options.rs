//! Where blobs are kept, and how large they may be.

const DEFAULT_LOCATION: &str = "data/blobs";
const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Where blobs are kept, and how large they may be. Every process of one installation is given the same.
#[derive(Debug, Clone, clap::Args)]
pub struct BlobOptions {
    /// Where images and meshes are kept: a directory, or its file:// URL. Gateway, workers and status must all reach
    /// it. It is made, for its owner only, when it is not there.
    #[arg(long, env = "ORFEAS_BLOBS", default_value = DEFAULT_LOCATION)]
    pub blobs: String,

    /// Most bytes that one image or mesh may have.
    #[arg(long, env = "ORFEAS_BLOB_MAX_BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub blob_max_bytes: u64,

    /// Whether what is read as a whole is held against its SHA-256. It costs about a millisecond for each megabyte, and
    /// finds files that were damaged or changed by hand.
    #[arg(long, env = "ORFEAS_BLOB_VERIFY", default_value_t = true, action = clap::ArgAction::Set)]
    pub blob_verify: bool,
}

impl Default for BlobOptions {
    fn default() -> Self {
        Self { blobs: DEFAULT_LOCATION.to_owned(), blob_max_bytes: DEFAULT_MAX_BYTES, blob_verify: true }
    }
}

impl BlobOptions {
    /// The defaults, with another place.
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
