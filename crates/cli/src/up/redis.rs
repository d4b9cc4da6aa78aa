//! The private Redis of a data directory.

use super::child::Program;
use super::data::Data;
use crate::Error;
use anyhow::Context;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The prefix of all keys.
pub(super) const PREFIX: &str = "orfeas";

/// Socket paths are limited to 108 bytes, the closing zero included.
const LONGEST_SOCKET_PATH: usize = 107;

/// A Redis that listens on a socket only, which is accessible to this user alone: no port can be taken, and no password
/// is needed.
pub(super) struct PrivateRedis {
    pub(super) socket: PathBuf,
    /// Holds the socket when the data directory's path is too long for one.
    _folder: Option<TempDir>,
}

impl PrivateRedis {
    pub(super) fn of(data: &Data) -> Result<Self, Error> {
        let socket = data.path("redis/redis.sock");
        if socket.as_os_str().len() <= LONGEST_SOCKET_PATH {
            return Ok(Self { socket, _folder: None });
        }
        let folder = tempfile::Builder::new().prefix("orfeas-").tempdir().context("no temporary directory")?;
        Ok(Self { socket: folder.path().join("redis.sock"), _folder: Some(folder) })
    }

    /// The URL for its clients.
    pub(super) fn url(&self) -> String {
        url(&self.socket)
    }

    /// The server, with an append-only file in the data directory.
    pub(super) fn program(&self, server: &Path, data: &Data) -> Result<Program, Error> {
        let config = [
            "port 0".to_owned(),
            format!("unixsocket {}", quoted(&self.socket)),
            "unixsocketperm 700".to_owned(),
            format!("dir {}", quoted(&data.path("redis"))),
            "appendonly yes".to_owned(),
            "appendfsync everysec".to_owned(),
            "save \"\"".to_owned(),
            // With its memory full, Redis refuses writes, and the gateway refuses jobs; nothing is evicted.
            "maxmemory-policy noeviction".to_owned(),
            "daemonize no".to_owned(),
        ];
        Ok(Program {
            name: "redis".to_owned(),
            path: server.to_owned(),
            arguments: vec!["-".into()],
            input: config.join("\n") + "\n",
            log: data.log("redis")?,
        })
    }
}

/// The URL of a Redis that listens on a socket, with all but the usual bytes of paths percent-encoded.
fn url(socket: &Path) -> String {
    let mut url = "redis+unix://".to_owned();
    for &byte in socket.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
            _ => drop(write!(url, "%{byte:02X}")),
        }
    }
    url
}

/// The socket of a URL that [`PrivateRedis::url`] made.
pub(super) fn socket_of(url: &str) -> Option<PathBuf> {
    let mut rest = url.strip_prefix("redis+unix://")?.bytes();
    let mut path = Vec::new();
    while let Some(byte) = rest.next() {
        path.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(OsString::from_vec(path).into())
}

/// A path as a quoted word of Redis's configuration, in which any byte may be written in hexadecimal.
fn quoted(path: &Path) -> String {
    let mut quoted = "\"".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => drop(write!(quoted, "\\{}", char::from(byte))),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => drop(write!(quoted, "\\x{byte:02x}")),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_its_socket_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let short = PrivateRedis::of(&Data::open(folder.path()).unwrap()).unwrap();
        assert!(short._folder.is_none());
        let long = PrivateRedis::of(&Data::open(&folder.path().join("d".repeat(120))).unwrap()).unwrap();
        assert!(long._folder.is_some() && long.socket.as_os_str().len() <= LONGEST_SOCKET_PATH);
    }

    #[test]
    fn urls_and_configuration_hold_any_path() {
        let any: Vec<u8> = (1..=255).collect();
        for path in [&b"/data/redis.sock"[..], b"/a#b?c%20d\n\"e\\f\xff", &any] {
            let path = PathBuf::from(OsString::from_vec(path.to_vec()));
            let url = url(&path);
            assert!(url.is_ascii() && !url.contains(['#', '?', ' ', '\n']), "{url}");
            assert_eq!(socket_of(&url), Some(path.clone()));
            assert!(quoted(&path).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
        assert_eq!(quoted(Path::new("/a \"b\"\n")), "\"/a \\\"b\\\"\\x0a\"");
    }
}
