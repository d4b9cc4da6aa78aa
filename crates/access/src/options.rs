//! Options for operators.

use crate::audit::AuditOptions;
use crate::{Defaults, Error, MAX_BATCH_SIZE, MasterKey};
use clap::Args;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// Authentication and default limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessOptions {
    /// The master key.
    #[command(flatten)]
    pub master: MasterKeyOptions,

    /// Networks of trusted proxies (CIDR), separated by commas. X-Forwarded-For and X-Forwarded-Proto are honoured only in
    /// requests from these networks.
    #[arg(long, env = "ORFEAS_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// Requests of an agent's key within any 60 seconds, per operation. 0 means unlimited.
    #[arg(long, env = "AGENT_MAX_REQUESTS_PER_MINUTE", value_name = "N", default_value_t = 100)]
    pub agent_max_requests_per_minute: u32,

    /// Requests of a user's key within any 60 seconds, per operation other than queries. 0 means unlimited.
    #[arg(long, env = "USER_MAX_REQUESTS_PER_MINUTE", value_name = "N", default_value_t = 10)]
    pub user_max_requests_per_minute: u32,

    /// Queries of a user's key within any 60 seconds; a page that shows a few jobs polls each of them every few seconds. 0
    /// means unlimited.
    #[arg(long, env = "USER_MAX_QUERIES_PER_MINUTE", value_name = "N", default_value_t = 60)]
    pub user_max_queries_per_minute: u32,

    /// Maximum number of images in one batch.
    #[arg(long, env = "AGENT_MAX_BATCH_SIZE", value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BATCH_SIZE)))]
    pub agent_max_batch_size: u32,

    /// Audit options.
    #[command(flatten)]
    pub audit: AuditOptions,
}

impl AccessOptions {
    /// Default limits of each class.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            agent_max_requests_per_minute: self.agent_max_requests_per_minute,
            user_max_requests_per_minute: self.user_max_requests_per_minute,
            user_max_queries_per_minute: self.user_max_queries_per_minute,
            max_batch_size: self.agent_max_batch_size,
        }
    }
}

/// The master key.
#[derive(Debug, Clone, Default, Args)]
pub struct MasterKeyOptions {
    /// File with the master key: 64 hexadecimal digits, as `openssl rand -hex 32` prints them. Secrets of tenants are stored
    /// encrypted under it. Other users must not be able to read the file. To change the key (`orfeas agents reseal`), put
    /// the new one on the first line and the old one on the next.
    #[arg(long, env = "ORFEAS_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,

    /// The master key itself, instead of a file. Prefer the environment variable: other users can read command lines.
    #[arg(long, env = "ORFEAS_MASTER_KEY", value_name = "HEX", hide_env_values = true, global = true)]
    pub master_key: Option<SecretString>,
}

impl MasterKeyOptions {
    /// The master key.
    ///
    /// # Errors
    /// [`Error::NoMasterKey`], and the errors of [`MasterKey::read`].
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
