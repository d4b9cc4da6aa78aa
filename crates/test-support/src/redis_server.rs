//! A private redis-server per test.

use crate::{free_port, signal};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A private redis-server on a free loopback port with its own directory. Dropping it kills the process and removes the
/// files, also when the test panics.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    directory: TempDir,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// A server without persistence: fast, and empty after a [`restart`](Self::restart).
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not start.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// A server with the persistence that users get (`orfeas up`, compose file): an append-only file synced once a
    /// second. A power failure may lose the writes of the last second; [`rewind`](Self::rewind) simulates that.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_as_deployed() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"])
    }

    /// A server with an append-only file that is synced on every write: after a restart or a [`kill`](Self::kill) it
    /// holds every acknowledged write. Users get less: see [`start_as_deployed`](Self::start_as_deployed).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// A server with additional command-line `arguments`, such as `["--maxmemory", "10mb"]`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        // Another process may take the port before the server binds it.
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = spawn(port, &directory, &arguments) {
                return Self { port, directory, arguments, child: Mutex::new(Some(child)) };
            }
        }
        panic!("redis-server does not start; is it installed? It was given {arguments:?}");
    }

    /// Its URL, `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its loopback address, for a [`ChaosProxy`](crate::ChaosProxy).
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Sends SIGTERM and waits for the process to end. No effect if it is not running.
    pub fn stop(&self) {
        self.end("TERM");
    }

    /// Sends SIGKILL and waits for the process to end. No effect if it is not running.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// Restarts it on the same port with the same files.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        self.stop();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(child) = spawn(self.port, &self.directory, &self.arguments) {
                *self.child() = Some(child);
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server did not come back on port {}", self.port);
    }

    /// Suspends the process (SIGSTOP): connections stay open, commands are not answered.
    ///
    /// # Panics
    /// If it is not running.
    pub fn pause(&self) {
        signal::send("STOP", self.child().as_ref().expect("a running redis-server").id());
    }

    /// Resumes a [paused](Self::pause) process (SIGCONT).
    ///
    /// # Panics
    /// If it is not running.
    pub fn resume(&self) {
        signal::send("CONT", self.child().as_ref().expect("a running redis-server").id());
    }

    /// Makes Redis refuse writes with `MISCONF`, as it does when its disk is full. Reads work.
    ///
    /// # Panics
    /// If it is not running, or refuses the commands.
    pub fn refuse_writes(&self) {
        // A folder in place of the dump makes every save fail, and Redis refuses writes after a failed save.
        let _ = std::fs::remove_file(self.dump());
        std::fs::create_dir_all(self.dump().join("in-the-way")).expect("a folder in a temporary directory");
        self.save("err");
    }

    /// Ends [`refuse_writes`](Self::refuse_writes).
    ///
    /// # Panics
    /// As [`refuse_writes`](Self::refuse_writes).
    pub fn accept_writes(&self) {
        std::fs::remove_dir_all(self.dump()).expect("the folder that refuse_writes created");
        self.save("ok");
    }

    /// A copy of the files, for [`rewind`](Self::rewind).
    ///
    /// # Panics
    /// If the files cannot be copied.
    pub fn snapshot(&self) -> RedisFiles {
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_files(self.directory.path(), copy.path());
        RedisFiles(copy)
    }

    /// Kills the process and restarts it with earlier files: all later writes are lost, as after a power failure or a
    /// failover to a lagging replica.
    ///
    /// # Panics
    /// If the files cannot be replaced or the server does not start.
    pub fn rewind(&self, files: &RedisFiles) {
        self.kill();
        for entry in std::fs::read_dir(self.directory.path()).expect("the server's directory").flatten() {
            let path = entry.path();
            let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            removed.expect("a file of the server can be removed");
        }
        copy_files(files.0.path(), self.directory.path());
        self.restart();
    }

    fn dump(&self) -> PathBuf {
        self.directory.path().join("dump.rdb")
    }

    /// Saves until the result is `expected`, `ok` or `err`.
    fn save(&self, expected: &str) {
        let wanted = format!("rdb_last_bgsave_status:{expected}");
        let deadline = Instant::now() + Duration::from_secs(20);
        self.ask("CONFIG SET save \"3600 1\"");
        self.ask("BGSAVE");
        while !self.ask("INFO persistence").contains(&wanted) {
            assert!(Instant::now() < deadline, "Redis does not report {wanted}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one inline command on a connection of its own and returns the raw answer.
    ///
    /// # Panics
    /// If it is not running.
    pub fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("a running redis-server");
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).expect("a running redis-server");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("a running redis-server");
        answer
    }

    fn end(&self, with: &str) {
        if let Some(mut child) = self.child().take() {
            signal::send(with, child.id());
            // Waits until the port is free for a restart.
            child.wait().expect("a child can be waited for");
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The files of a redis-server at one moment.
#[derive(Debug)]
pub struct RedisFiles(TempDir);

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory of the server").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("a folder in a temporary directory");
            copy_files(&path, &target);
        } else if std::fs::copy(&path, &target).is_err() {
            // Temporary files of a rewrite disappear.
            assert!(!path.exists(), "{} cannot be copied", path.display());
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a server and waits until it answers; `None` if it exits before.
fn spawn(port: u16, directory: &TempDir, arguments: &[String]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
        .arg("--dir")
        .arg(directory.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().expect("a child can be asked for its status").is_some() {
            return None;
        }
        if answers(port, child.id()) {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Whether the Redis with this process id listens on `port` and has loaded its files. A server of another test may
/// listen there while this one is failing to bind.
fn answers(port: u16, pid: u32) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut line = TcpStream::connect(("127.0.0.1", port))?;
        line.set_read_timeout(Some(Duration::from_secs(1)))?;
        line.write_all(b"PING\r\nINFO server\r\nQUIT\r\n")?;
        let mut answer = String::new();
        line.read_to_string(&mut answer)?;
        Ok(answer)
    };
    // With a password, Redis does not reveal its process id; while loading, it reports that.
    let ours = format!("process_id:{pid}\r\n");
    ask().is_ok_and(|answer| (answer.starts_with("+PONG") && answer.contains(&ours)) || answer.starts_with("-NOAUTH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_server_keeps_its_data_and_a_plain_one_does_not() {
        for (server, expected) in [(RedisServer::start_durable(), "$1\r\n7"), (RedisServer::start(), "$-1")] {
            assert!(server.ask("SET x 7").starts_with("+OK"));
            server.kill();
            assert!(TcpStream::connect(server.address()).is_err());
            server.restart();
            let answer = server.ask("GET x");
            assert!(answer.starts_with(expected), "{answer}");
        }
    }

    #[test]
    fn writes_can_be_refused_and_accepted_again() {
        let server = RedisServer::start_as_deployed();
        assert!(server.ask("SET x 7").starts_with("+OK"));
        server.refuse_writes();
        assert!(server.ask("SET x 8").starts_with("-MISCONF"));
        assert!(server.ask("GET x").starts_with("$1\r\n7"));
        server.accept_writes();
        assert!(server.ask("SET x 8").starts_with("+OK"));
    }

    #[test]
    fn a_server_can_be_rewound() {
        let server = RedisServer::start_durable();
        server.ask("SET x 7");
        let files = server.snapshot();
        server.ask("SET x 8");
        server.rewind(&files);
        assert!(server.ask("GET x").starts_with("$1\r\n7"));
    }

    #[test]
    fn nothing_is_left_behind() {
        let server = RedisServer::start();
        let (address, directory) = (server.address(), server.directory.path().to_owned());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(!directory.exists());
    }
}
