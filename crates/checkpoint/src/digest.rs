use std::fs::File;
use std::io::Read;
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::Error;
use crate::directory::{find_config, find_weights};

/// Digest of a model directory: SHA-256 over the SHA-256 of its configuration and that of its weights, in this order,
/// each as 32 bytes. Lower-case hex. The path of the directory and the names of the files do not matter.
///
/// Reads the whole weights file.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Io`].
pub fn digest(dir: &Path) -> Result<String, Error> {
    let mut both = Context::new(&SHA256);
    both.update(file_sha256(&find_config(dir)?)?.as_ref());
    both.update(file_sha256(&find_weights(dir)?)?.as_ref());
    Ok(hex(both.finish().as_ref()))
}

/// SHA-256 of a file.
///
/// # Errors
/// [`Error::Io`].
pub fn file_sha256(path: &Path) -> Result<[u8; 32], Error> {
    let mut context = Context::new(&SHA256);
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(Error::io(path))? {
            0 => break,
            read => context.update(&buffer[..read]),
        }
    }
    Ok(context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes. This is a bug."))
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The digest as it can be computed with common tools: `sha256sum` of both files, hex to bytes, `sha256sum` again.
    #[test]
    fn it_covers_both_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.yaml"), "abc").unwrap();
        std::fs::write(dir.path().join("model.safetensors"), "").unwrap();
        assert_eq!(
            hex(&file_sha256(&dir.path().join("config.yaml")).unwrap()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let before = digest(dir.path()).unwrap();
        assert_eq!(before, DIGEST);
        std::fs::write(dir.path().join("model.safetensors"), "x").unwrap();
        let after = digest(dir.path()).unwrap();
        assert_ne!(before, after);
        std::fs::write(dir.path().join("config.yaml"), "abd").unwrap();
        assert_ne!(digest(dir.path()).unwrap(), after);
    }

    const DIGEST: &str = "6f1290896ee81a0349174d19f4473d267a10289c40480861d5c42affffbd79f9";

    #[test]
    fn a_directory_without_a_model_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(digest(dir.path()), Err(Error::NotFound { .. })));
    }
}
