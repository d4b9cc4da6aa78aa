//! The private Redis of a data directory.

use super::child::Program;
use super::data::Data;
use crate::Error;
use anyhow::Context;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What every key begins with.
pub(super) const PREFIX: &str = "orfeas";

/// Socket paths are limited to 108 bytes, the closing zero included.
const LONGEST_SOCKET_PATH: usize = 107;

/// Where Redis listens, and nowhere else: no port to collide with, no password to leak, only for our own user.
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

    /// What its clients are told.
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
            // A job is never thrown away for want of memory: the gateway is told that the queue is full instead.
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

/// The URL of a Redis that listens on a socket.
pub(super) fn url(socket: &Path) -> String {
    format!("redis+unix://{}", socket.display())
}

/// A path as Redis's configuration wants it.
fn quoted(path: &Path) -> String {
    let escaped = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
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
}
