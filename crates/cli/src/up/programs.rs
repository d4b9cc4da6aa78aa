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
        for service in ["orfeas-gateway", "orfeas-worker"] {
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
        let gateway = free(options.listen)?;
        let redis = PrivateRedis::of(data)?;
        let addresses = tempfile::tempdir().context("no temporary directory")?;
        Ok(Self { gateway, redis, beside, addresses })
    }

    /// The file in which a process tells its address.
    pub(super) fn address_file(&self, name: &str) -> PathBuf {
        self.addresses.path().join(name)
    }

    /// The gateway, which tells of jobs and serves results, too: one address is enough for one machine.
    pub(super) fn gateway(&self, data: &Data) -> Result<Program, Error> {
        let arguments =
            [("--listen", self.gateway.to_string().into()), ("--master-key-file", data.master_key_file().into())];
        let mut program = self.service("gateway", "gateway", &arguments, data)?;
        program.arguments.push("--with-status".into());
        Ok(program)
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
}

/// The address, with the port that the system chose where none was asked for. It is free a moment ago, at least.
fn free(wanted: SocketAddr) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind(wanted).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "is already in use".to_owned(),
            _ => format!("cannot be listened on ({error})"),
        };
        Error::Unavailable(format!("{wanted} {why}; choose another address with --listen"))
    })?;
    Ok(listener.local_addr().context("a bound listener has no address")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap();
        let error = free(wanted).unwrap_err();
        assert_eq!(error.code(), 3);
        assert_eq!(error.to_string(), format!("{wanted} is already in use; choose another address with --listen"));
        assert_ne!(free("127.0.0.1:0".parse().unwrap()).unwrap().port(), 0);
    }
}
