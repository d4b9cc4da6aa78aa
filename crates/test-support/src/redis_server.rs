//! A redis-server of one's own.

use crate::{free_port, signal};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A private redis-server on a free loopback port, with its own directory. It is killed, and its files are removed,
/// when this value goes out of scope, also when the test panics.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    directory: TempDir,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// A server without persistence: fast, and empty again after [`restart`](Self::restart).
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// A server with an append-only file that is synced on every write: after a restart, or a
    /// [`kill`](Self::kill), it holds everything that it ever acknowledged.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// A server with `arguments` added to its command line, such as `["--maxmemory", "10mb"]`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        // Another process may take the port between asking for it and using it, hence the attempts.
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = spawn(port, &directory, &arguments) {
                return Self { port, directory, arguments, child: Mutex::new(Some(child)) };
            }
        }
        panic!("redis-server does not start; is it installed? It was given {arguments:?}");
    }

    /// Where it listens, as `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The loopback address it listens on: the target of a [`ChaosProxy`](crate::ChaosProxy).
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Ends it as an operator would (SIGTERM), and waits until it is gone. Nothing happens when it is not running.
    pub fn stop(&self) {
        self.end("TERM");
    }

    /// Ends it as a power cut would (SIGKILL), and waits until it is gone. Nothing happens when it is not running.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// Starts it again on the same port with the same files, ending it first when it is running.
    ///
    /// # Panics
    /// When it does not come back.
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

    /// Stops the process without ending it (SIGSTOP): connections stay open and nobody answers.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pause(&self) {
        signal::send("STOP", self.child().as_ref().expect("a running redis-server").id());
    }

    /// Lets a [paused](Self::pause) process go on (SIGCONT).
    ///
    /// # Panics
    /// When it is not running.
    pub fn resume(&self) {
        signal::send("CONT", self.child().as_ref().expect("a running redis-server").id());
    }

    fn end(&self, with: &str) {
        if let Some(mut child) = self.child().take() {
            signal::send(with, child.id());
            // Reaping it also frees the port for a restart.
            child.wait().expect("a child can be waited for");
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

/// Starts a server and waits until it answers; `None` when it leaves before that.
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

/// Whether the Redis of this process id listens on `port`, and has finished loading its files. It may be another test's
/// that listens there, while ours is about to find that out.
fn answers(port: u16, pid: u32) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut line = TcpStream::connect(("127.0.0.1", port))?;
        line.set_read_timeout(Some(Duration::from_secs(1)))?;
        line.write_all(b"PING\r\nINFO server\r\nQUIT\r\n")?;
        let mut answer = String::new();
        line.read_to_string(&mut answer)?;
        Ok(answer)
    };
    // One that asks for a password does not say who it is; one that is still loading says so.
    let ours = format!("process_id:{pid}\r\n");
    ask().is_ok_and(|answer| (answer.starts_with("+PONG") && answer.contains(&ours)) || answer.starts_with("-NOAUTH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &RedisServer, line: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_durable_server_survives_a_power_cut_and_a_plain_one_forgets() {
        for (server, expected) in [(RedisServer::start_durable(), "$1\r\n7"), (RedisServer::start(), "$-1")] {
            assert!(ask(&server, "SET x 7").starts_with("+OK"));
            server.kill();
            assert!(TcpStream::connect(server.address()).is_err());
            server.restart();
            let answer = ask(&server, "GET x");
            assert!(answer.starts_with(expected), "{answer}");
        }
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
