//! The repository's nginx.conf, on loopback.

use std::path::Path;
use std::process::Command;
use test_support::{ServiceProcess, free_port};

/// Starts nginx on a free port, in `folder`, with its upstreams at these ports of 127.0.0.1.
pub(crate) fn start(folder: &Path, gateway: u16, status: u16) -> (ServiceProcess, u16) {
    start_with(
        folder,
        &[
            ("default gateway:8080;", format!("default 127.0.0.1:{gateway};")),
            ("default status:8081;", format!("default 127.0.0.1:{status};")),
        ],
    )
}

/// Starts nginx on a free port, in `folder`, with these replacements in nginx.conf: addresses only.
pub fn start_with(folder: &Path, replacements: &[(&str, String)]) -> (ServiceProcess, u16) {
    let port = free_port();
    let mut conf = std::fs::read_to_string(crate::repository().join("nginx.conf")).unwrap();
    for (compose, here) in replacements.iter().chain([&("listen 80;", format!("listen 127.0.0.1:{port};"))]) {
        assert_eq!(conf.matches(compose).count(), 1, "nginx.conf must have `{compose}` once");
        conf = conf.replace(compose, here);
    }
    std::fs::create_dir_all(folder.join("temp")).unwrap();
    let path = folder.join("nginx.conf");
    std::fs::write(&path, conf).unwrap();
    let nginx = if Path::new("/usr/sbin/nginx").is_file() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(nginx);
    // A single process: killing a master process would leave its workers running.
    command.arg("-p").arg(folder).arg("-c").arg(&path).args(["-e", "stderr", "-g", "daemon off; master_process off;"]);
    (ServiceProcess::spawn(&mut command), port)
}
