//! The programs that `up` runs, and their arguments.

use super::Options;
use super::child::Program;
use super::data::Data;
use super::redis::{PREFIX, PrivateRedis};
use crate::Error;
use anyhow::Context;
use checkpoint::Preset;
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Everything that is needed before the first program starts.
pub(super) struct Programs {
    /// The address of the gateway.
    pub(super) gateway: SocketAddr,
    /// The queue and the registry of tenants.
    pub(super) redis: PrivateRedis,
    /// The directory of this executable and of those of the services.
    beside: PathBuf,
    /// Holds the files in which workers write their addresses.
    addresses: TempDir,
    model: PathBuf,
}

impl Programs {
    /// Finds the executables and free addresses.
    pub(super) fn find(options: &Options, data: &Data) -> Result<Self, Error> {
        let executable = std::env::current_exe().context("the path of this program is unknown")?;
        let beside = executable.parent().context("the path of this program has no directory")?.to_owned();
        for service in ["orfeas-gateway", "orfeas-worker"] {
            if !beside.join(service).is_file() {
                let folder = beside.display();
                return Err(Error::Unavailable(format!(
                    "{service} is missing: it must be in the same directory as `orfeas`, {folder}"
                )));
            }
        }
        let gateway = free(&options.listen)?;
        let model = model(&options.model)?;
        let redis = PrivateRedis::of(data)?;
        let addresses = tempfile::tempdir().context("no temporary directory")?;
        Ok(Self { gateway, redis, beside, addresses, model })
    }

    /// The file in which a process writes its address.
    pub(super) fn address_file(&self, name: &str) -> PathBuf {
        self.addresses.path().join(name)
    }

    /// The gateway, which is the status service, too: one address is enough for one machine.
    pub(super) fn gateway(&self, data: &Data) -> Result<Program, Error> {
        let arguments =
            [("--listen", self.gateway.to_string().into()), ("--master-key-file", data.master_key_file().into())];
        let mut program = self.service("gateway", "gateway", &arguments, data)?;
        program.arguments.push("--with-status".into());
        Ok(program)
    }

    /// One of the workers.
    pub(super) fn worker(&self, number: u16, options: &Options, data: &Data) -> Result<Program, Error> {
        let name = format!("worker-{number}");
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        // By default each worker would use all cores, and several would compete for them.
        let threads = options.torch_threads.map_or_else(|| cores() / usize::from(options.workers), usize::from).max(1);
        let arguments = [
            ("--listen", "127.0.0.1:0".into()),
            ("--addr-file", self.address_file(&name).into()),
            ("--worker-name", name.clone().into()),
            ("--model", self.model.clone().into()),
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

/// The model directory: as given, or, for a published model, the directory into which `orfeas models pull` puts it.
fn model(given: &Path) -> Result<PathBuf, Error> {
    if given.is_dir() {
        // A folder of several models is a common mistake.
        return match checkpoint::find_config(given) {
            Err(error @ checkpoint::Error::NotFound { .. }) if error.names_models() => Err(error.into()),
            _ => Ok(given.to_owned()),
        };
    }
    let shown = given.display();
    let (folder, name) = (given.parent(), given.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    let published = given.to_str().and_then(Preset::find).or_else(|| Preset::find(name));
    let Some(preset) = published else {
        return Err(Error::Unavailable(format!("there is no model directory {shown}; choose one with --model")));
    };
    let pulled = [folder.unwrap_or(Path::new("")), Path::new("models")].map(|folder| folder.join(preset.name));
    let missing = || {
        let name = preset.name;
        Error::Unavailable(format!(
            "the model {shown} is not on this machine; fetch it with `orfeas models pull {name}`"
        ))
    };
    pulled.into_iter().find(|path| path.is_dir()).ok_or_else(missing)
}

/// The address to listen on, with the port that the system chose for port 0. A name with several addresses stands for
/// the first one that is free, IPv4 before IPv6. Whether it is still free when the gateway binds it is not certain.
fn free(listen: &str) -> Result<SocketAddr, Error> {
    let mut addresses: Vec<SocketAddr> = match listen.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(Error::Usage(format!(
                "--listen {listen}: it must be an address or a name with a port, such as 127.0.0.1:8080 ({error})"
            )));
        }
    };
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let listener = TcpListener::bind(&*addresses).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "is already in use".to_owned(),
            _ => format!("cannot be listened on ({error})"),
        };
        Error::Unavailable(format!("{listen} {why}; choose another address with --listen"))
    })?;
    Ok(listener.local_addr().context("a bound listener has no address")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap().to_string();
        let error = free(&wanted).unwrap_err();
        assert_eq!(error.code(), 3);
        assert_eq!(error.to_string(), format!("{wanted} is already in use; choose another address with --listen"));
        assert_ne!(free("127.0.0.1:0").unwrap().port(), 0);
    }

    #[test]
    fn names_may_be_listened_on() {
        assert!(free("localhost:0").unwrap().ip().is_loopback());
        for wrong in ["", "localhost", "8080", "localhost:x", "localhost:99999", "http://localhost:1"] {
            assert_eq!(free(wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn published_models_are_found_where_pull_puts_them() {
        let folder = tempfile::tempdir().unwrap();
        let pulled = folder.path().join("dit-v2-mini-turbo");
        let given = folder.path().join("hunyuan3d-2mini-turbo");
        let error = model(&given).unwrap_err().to_string();
        assert!(error.contains("`orfeas models pull dit-v2-mini-turbo`"), "{error}");
        std::fs::create_dir(&pulled).unwrap();
        assert_eq!(model(&given).unwrap(), pulled);
        assert!(model(&folder.path().join("other")).unwrap_err().to_string().contains("there is no model directory"));
    }
}
