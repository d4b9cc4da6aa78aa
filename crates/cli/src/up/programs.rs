//! Which programs `up` runs, and with what arguments.

use super::Options;
use super::child::Program;
use super::data::Data;
use super::redis::{PREFIX, PrivateRedis};
use crate::Error;
use anyhow::Context;
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use tempfile::TempDir;

/// Everything that must be known before the first program starts.
pub(super) struct Programs {
    /// Where the gateway listens.
    pub(super) gateway: SocketAddr,
    /// Where the status service listens.
    pub(super) status: SocketAddr,
    /// The queue and the registry of tenants.
    pub(super) redis: PrivateRedis,
    /// The services' executables lie beside this one.
    beside: PathBuf,
    /// Addresses that processes were given by the system.
    addresses: TempDir,
}

impl Programs {
    /// Finds the executables and free addresses.
    pub(super) fn find(options: &Options, data: &Data) -> Result<Self, Error> {
        let executable = std::env::current_exe().context("this program does not know where it lies")?;
        let beside = executable.parent().context("this program lies nowhere")?.to_owned();
        for service in ["orfeas-gateway", "orfeas-status", "orfeas-worker"] {
            if !beside.join(service).is_file() {
                let folder = beside.display();
                return Err(Error::Unavailable(format!(
                    "{service} is missing: it belongs beside `orfeas`, in {folder}"
                )));
            }
        }
        if !options.model.is_dir() {
            let model = options.model.display();
            return Err(Error::Unavailable(format!("there is no model directory {model}; choose one with --model")));
        }
        let (gateway, status) = addresses(options.listen, options.status_listen)?;
        let redis = PrivateRedis::of(data)?;
        let addresses = tempfile::tempdir().context("no temporary directory")?;
        Ok(Self { gateway, status, redis, beside, addresses })
    }

    /// The file in which a process tells its address.
    pub(super) fn address_file(&self, name: &str) -> PathBuf {
        self.addresses.path().join(name)
    }

    /// The gateway.
    pub(super) fn gateway(&self, data: &Data) -> Result<Program, Error> {
        self.server("gateway", self.gateway, data)
    }

    /// The status service.
    pub(super) fn status(&self, data: &Data) -> Result<Program, Error> {
        self.server("status", self.status, data)
    }

    /// One worker of several.
    pub(super) fn worker(&self, number: u16, options: &Options, data: &Data) -> Result<Program, Error> {
        let name = format!("worker-{number}");
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        // Each worker alone would use every core, and several would only be in each other's way.
        let threads = options.torch_threads.map_or_else(|| cores() / usize::from(options.workers), usize::from).max(1);
        let arguments = [
            ("--listen", "127.0.0.1:0".into()),
            ("--addr-file", self.address_file(&name).into()),
            ("--worker-name", name.clone().into()),
            ("--model", options.model.clone().into()),
            ("--device", options.device.clone().into()),
            ("--torch-threads", threads.to_string().into()),
        ];
        self.service("worker", &name, &arguments, data)
    }

    fn service(&self, kind: &str, name: &str, own: &[(&str, OsString)], data: &Data) -> Result<Program, Error> {
        let shared = [
            ("--redis-url", self.redis.url().into()),
            ("--queue-prefix", PREFIX.into()),
            ("--blobs", data.path("blobs").into()),
        ];
        let arguments = own.iter().chain(&shared).flat_map(|(flag, value)| [(*flag).into(), value.clone()]).collect();
        let path = self.beside.join(format!("orfeas-{kind}"));
        Ok(Program { name: name.to_owned(), path, arguments, input: String::new(), log: data.log(name)? })
    }

    fn server(&self, kind: &str, listen: SocketAddr, data: &Data) -> Result<Program, Error> {
        let arguments = [("--listen", listen.to_string().into()), ("--master-key-file", data.master_key_file().into())];
        self.service(kind, kind, &arguments, data)
    }
}

/// Two free addresses. A port that was asked for must be free; else the status service takes the port after the
/// gateway's, or any.
fn addresses(gateway: SocketAddr, status: Option<SocketAddr>) -> Result<(SocketAddr, SocketAddr), Error> {
    // Both are held until both are found, or port 0 could be given twice.
    let held = free(gateway, "--listen")?;
    let gateway = address(&held)?;
    let next = || gateway.port().checked_add(1).map(|port| SocketAddr::new(gateway.ip(), port));
    let status = match status {
        Some(wanted) => free(wanted, "--status-listen")?,
        None => match next().map(TcpListener::bind) {
            Some(Ok(listener)) => listener,
            _ => free(SocketAddr::new(gateway.ip(), 0), "--status-listen")?,
        },
    };
    Ok((gateway, address(&status)?))
}

fn free(wanted: SocketAddr, option: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(wanted).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "is already in use".to_owned(),
            _ => format!("cannot be listened on ({error})"),
        };
        Error::Unavailable(format!("{wanted} {why}; choose another address with {option}"))
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    Ok(listener.local_addr().context("a bound listener has no address")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_and_a_neighbour_is_found() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap();
        let error = addresses(wanted, None).unwrap_err();
        assert_eq!(error.code(), 3);
        assert_eq!(error.to_string(), format!("{wanted} is already in use; choose another address with --listen"));
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let error = addresses(free, Some(wanted)).unwrap_err();
        assert!(error.to_string().ends_with("choose another address with --status-listen"), "{error}");
        let (gateway, status) = addresses(free, None).unwrap();
        assert!(gateway.port() != 0 && status.port() != 0 && gateway != status);
    }
}
