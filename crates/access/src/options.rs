//! What an operator may set.

use crate::audit::AuditOptions;
use crate::{Defaults, Error, MAX_BATCH_SIZE, MasterKey};
use clap::Args;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// Whose requests are answered, and how many of them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessOptions {
    /// What opens the registry of tenants.
    #[command(flatten)]
    pub master: MasterKeyOptions,

    /// Networks of the proxies in front, as CIDR, separated by commas. Only a request that comes from one of them is
    /// believed when it says (X-Forwarded-For, X-Forwarded-Proto) for whom it comes.
    #[arg(long, env = "ORFEAS_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// Requests of an agent's key in any 60 seconds, for each operation. 0 means no limit.
    #[arg(long, env = "AGENT_MAX_REQUESTS_PER_MINUTE", value_name = "N", default_value_t = 100)]
    pub agent_max_requests_per_minute: u32,

    /// Requests of a user's key in any 60 seconds, for each operation that does not only read. 0 means no limit.
    #[arg(long, env = "USER_MAX_REQUESTS_PER_MINUTE", value_name = "N", default_value_t = 10)]
    pub user_max_requests_per_minute: u32,

    /// Requests of a user's key in any 60 seconds that only read: a page that shows a few jobs asks for each of them every
    /// few seconds. 0 means no limit.
    #[arg(long, env = "USER_MAX_QUERIES_PER_MINUTE", value_name = "N", default_value_t = 60)]
    pub user_max_queries_per_minute: u32,

    /// Pictures in one batch.
    #[arg(long, env = "AGENT_MAX_BATCH_SIZE", value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BATCH_SIZE)))]
    pub agent_max_batch_size: u32,

    /// What is kept of decisions.
    #[command(flatten)]
    pub audit: AuditOptions,
}

impl AccessOptions {
    /// What everybody of a class is given.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            agent_max_requests_per_minute: self.agent_max_requests_per_minute,
            user_max_requests_per_minute: self.user_max_requests_per_minute,
            user_max_queries_per_minute: self.user_max_queries_per_minute,
            max_batch_size: self.agent_max_batch_size,
        }
    }
}

/// What opens the registry of tenants.
#[derive(Debug, Clone, Default, Args)]
pub struct MasterKeyOptions {
    /// File of the master key: 64 hexadecimal digits, as `openssl rand -hex 32` makes them. Keys and secrets of tenants
    /// are kept only in a form that nothing but this opens. The file must not be readable by everybody. While the key is
    /// being changed (`orfeas agents reseal`), the new one stands in the first line and the old one in the next.
    #[arg(long, env = "ORFEAS_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,

    /// The master key itself, where there is no file. Better set it in the environment: a command line can be read by
    /// others.
    #[arg(long, env = "ORFEAS_MASTER_KEY", value_name = "HEX", hide_env_values = true, global = true)]
    pub master_key: Option<SecretString>,
}

impl MasterKeyOptions {
    /// The master key.
    ///
    /// # Errors
    /// [`Error::NoMasterKey`] when none is given, and all that [`MasterKey::read`] fails of.
    pub fn load(&self) -> Result<MasterKey, Error> {
        match (&self.master_key_file, &self.master_key) {
            (Some(file), _) => MasterKey::read(file),
            (None, Some(text)) => MasterKey::from_hex(text.expose_secret()),
            (None, None) => Err(Error::NoMasterKey),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::FromArgMatches;

    fn parse(arguments: &[&str]) -> AccessOptions {
        let command = AccessOptions::augment_args(clap::Command::new("test").no_binary_name(true));
        AccessOptions::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        assert_eq!(parse(&[]).defaults(), Defaults::default());
        assert!(matches!(parse(&[]).master.load(), Err(Error::NoMasterKey)));
        let proxies = parse(&["--trusted-proxies", "10.0.0.0/8,::1/128"]).trusted_proxies;
        assert_eq!(proxies.len(), 2);
    }

    #[test]
    fn the_master_key_is_never_shown() {
        let hex = "0123456789abcdef".repeat(4);
        let options = parse(&["--master-key", &hex]);
        assert!(!format!("{options:?}").contains(&hex) && options.master.load().is_ok());
    }
}
