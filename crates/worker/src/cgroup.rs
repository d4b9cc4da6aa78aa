//! The memory limit of the control group (container) of this process, on Linux.

use std::fs;
use std::path::Path;

/// Where the hierarchies are mounted, and the name of the limit: cgroup v2, v1, and v2 beside v1.
const HIERARCHIES: [(&str, &str); 3] = [
    ("sys/fs/cgroup", "memory.max"),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ("sys/fs/cgroup/unified", "memory.max"),
];

/// Larger limits mean "none" in cgroup v1, which rounds the largest number down to a page.
const UNLIMITED: u64 = 1 << 60;

/// The smallest limit that applies to this process, in bytes; `None` if there is none. `root` is `/`.
pub(crate) fn memory_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for (mount, name) in HIERARCHIES {
        let mount = root.join(mount);
        // In a container the root of the mount is often its own group, whatever the path says.
        limits.extend(read_limit(&mount.join(name)));
        for path in groups.lines().filter_map(|line| group_path(line, name == "memory.max")) {
            let group = mount.join(path.trim_start_matches('/'));
            // The limits of all parents apply as well.
            let parents = group.ancestors().take_while(|parent| parent.starts_with(&mount));
            limits.extend(parents.filter_map(|parent| read_limit(&parent.join(name))));
        }
    }
    limits.into_iter().min()
}

/// The path of a line `hierarchy:controllers:path` that says where the memory of the process is accounted.
fn group_path(line: &str, is_v2: bool) -> Option<&str> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let is_meant = match is_v2 {
        true => hierarchy == "0" && controllers.is_empty(),
        false => controllers.split(',').any(|controller| controller == "memory"),
    };
    // Outside the view of this process.
    (is_meant && !path.starts_with("/..")).then_some(path)
}

fn read_limit(file: &Path) -> Option<u64> {
    // "max" is no number.
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|&limit| limit < UNLIMITED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_limit(root.path())
    }

    #[test]
    fn without_a_group_or_a_limit_there_is_none() {
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")]), None);
        let v1 = [("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(limit(&v1), None);
        assert_eq!(limit(&[("proc/self/cgroup", "nonsense\n\n0::\n::::\n"), ("sys/fs/cgroup/memory.max", "-1")]), None);
    }

    #[test]
    fn version_2() {
        let container = [("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "524288000\n")];
        assert_eq!(limit(&container), Some(524_288_000));
        let nested = [
            ("proc/self/cgroup", "0::/system.slice/orfeas.service\n"),
            ("sys/fs/cgroup/system.slice/orfeas.service/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "1000000\n"),
            ("sys/fs/cgroup/other.slice/memory.max", "1000\n"),
        ];
        assert_eq!(limit(&nested), Some(1_000_000), "a parent's limit applies, a neighbour's does not");
        let hidden = [("proc/self/cgroup", "0::/../other\n"), ("sys/fs/cgroup/memory.max", "2000\n")];
        assert_eq!(limit(&hidden), Some(2000));
    }

    #[test]
    fn version_1() {
        let host = [
            ("proc/self/cgroup", "12:cpu,cpuacct:/a\n5:memory:/docker/abc\n1:name=systemd:/x\n0::/docker/abc\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "500000000\n"),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "700000000\n"),
        ];
        assert_eq!(limit(&host), Some(500_000_000));
        // In the container the group itself is mounted.
        let container = [
            ("proc/self/cgroup", "5:memory:/docker/abc\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "500000000\n"),
        ];
        assert_eq!(limit(&container), Some(500_000_000));
    }

    #[test]
    fn version_2_beside_version_1() {
        let hybrid =
            [("proc/self/cgroup", "5:cpu:/\n0::/user\n"), ("sys/fs/cgroup/unified/user/memory.max", "300000\n")];
        assert_eq!(limit(&hybrid), Some(300_000));
    }
}
