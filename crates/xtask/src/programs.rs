//! Programs that come from the system's package manager.

use crate::shell::{command, is_installed, run};
use anyhow::{Result, bail};

/// Installs the Debian package of each program that is missing.
pub(crate) fn ensure(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|(program, _)| !is_installed(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    if !is_installed("apt-get") {
        bail!("please install {} (this machine has no apt-get)", packages.join(", "));
    }
    println!("setup: installing {}", packages.join(", "));
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&packages);
    apt(&install)
}

/// apt-get, through sudo unless we are root.
fn apt(arguments: &[&str]) -> Result<()> {
    let root = crate::shell::output(&mut command("id", &["-u"]))?.trim() == "0";
    let mut apt = if root { command("apt-get", &[]) } else { command("sudo", &["apt-get"]) };
    run(apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null()))
}
