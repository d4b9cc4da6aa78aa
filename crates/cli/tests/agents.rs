//! `orfeas agents`, as a program: on any Redis, and on a data directory where no `orfeas up` runs.
#![allow(clippy::unwrap_used)]

use access::{Defaults, MasterKey, Registry};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use test_support::RedisServer;

const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// `orfeas agents` with a clean environment, in a folder of its own.
fn agents(folder: &Path, redis: Option<&RedisServer>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(folder).arg("agents").args(arguments);
    if let Some(redis) = redis {
        command.env("REDIS_URL", redis.url()).env("ORFEAS_MASTER_KEY", MASTER);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

/// The exit code and the one line on the error output.
fn refusal(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(text.lines().count() == 1 && output.stdout.is_empty(), "{output:?}");
    (output.status.code(), text)
}

#[tokio::test]
async fn an_agent_is_added_rotated_and_revoked() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| agents(folder.path(), Some(&redis), arguments);
    let registry =
        Registry::connect(&redis.url(), "orfeas", &MasterKey::from_hex(MASTER).unwrap(), Defaults::default())
            .await
            .unwrap();
    let is_valid = async |key: &str| registry.find_by_key(key).await.unwrap().verify_bearer().is_ok();

    let added = json(&run(&[
        "add",
        "render farm",
        "--tier",
        "pro",
        "--permission",
        "generate_3d",
        "--permission",
        "query_status",
        "--allow",
        "192.0.2.0/24",
        "--allow",
        "2001:db8::1",
        "--limit",
        "jobs_per_day=7",
        "--expires",
        "90d",
        "--json",
    ]));
    let (first, secret) = (added["api_key"].as_str().unwrap(), added["signing_secret"].as_str().unwrap());
    assert!(first.starts_with("orf_live_") && secret.starts_with("orf_secret_") && is_valid(first).await);
    let tenant = registry.show("render farm").await.unwrap().tenant;
    assert_eq!((tenant.limits.jobs_per_day, tenant.allow.len(), tenant.permissions.iter().count()), (7, 2, 2));

    let rotated = text(&run(&["rotate", "render farm", "--grace", "1h"]));
    assert!(rotated.contains("1 old key works for another 1h."), "{rotated}");
    let second = rotated.lines().find_map(|line| line.strip_prefix("API key ")).unwrap().trim();
    assert!(is_valid(first).await && is_valid(second).await);

    let shown = text(&run(&["show", "render farm"]));
    for part in [
        "agt_",
        "pro",
        "generate_3d, query_status",
        "192.0.2.0/24, 2001:db8::1/128",
        "works until then",
        "jobs_per_day",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains("orf_"), "{shown}");
    let old = json(&run(&["show", "render farm", "--json"]))["keys"][0]["id"].as_str().unwrap().to_owned();
    text(&run(&["revoke", "render farm", "--key", &old]));
    assert!(!is_valid(first).await && is_valid(second).await);

    let tester = text(&run(&["add", "tester", "--class", "user", "--test"]));
    assert!(tester.contains("orf_test_") && !tester.contains("orf_secret_"), "{tester}");
    text(&run(&["revoke", "render farm"]));
    assert!(!is_valid(second).await);
    let list = text(&run(&["list"]));
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.lines().any(|line| line.starts_with("render farm") && line.ends_with("revoked")), "{list}");
    assert_eq!(json(&run(&["list", "--json"])).as_array().unwrap().len(), 2);
}

#[test]
fn only_what_is_given_is_changed() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| agents(folder.path(), Some(&redis), arguments);
    let given =
        ["--permission", "admin", "--allow", "192.0.2.0/24", "--limit", "jobs_per_day=7", "--limit", "weight=3"];
    text(&run(&[&["add", "ada", "--tier", "pro"], &given[..]].concat()));
    let changed = |arguments: &[&str]| {
        let shown = json(&run(&[&["change"], arguments, &["--json"]].concat()));
        let tenant = &shown["tenant"];
        ["name", "tier", "permissions", "allow", "overrides"].map(|field| tenant[field].to_string())
    };
    let [_, _, permissions, allow, _] = changed(&["ada", "--name", "eve"]);
    assert_eq!((permissions.as_str(), allow.as_str()), (r#"["admin"]"#, r#"["192.0.2.0/24"]"#));
    let [name, tier, permissions, allow, overrides] = changed(&[
        "eve",
        "--tier",
        "free",
        "--limit",
        "weight=tier",
        "--limit",
        "max_batch_size=2",
        "--clear",
        "allow",
    ]);
    assert_eq!([name, tier, permissions, allow], [r#""eve""#, r#""free""#, r#"["admin"]"#, "[]"]);
    assert_eq!(overrides, r#"{"jobs_per_day":7,"max_batch_size":2}"#);
    let clear = ["--clear", "limits", "--clear", "permissions"];
    let [_, _, permissions, allow, overrides] =
        changed(&[&["eve", "--allow", "::1", "--limit", "weight=2"], &clear[..]].concat());
    assert!(permissions.contains("cancel") && !permissions.contains("admin"), "{permissions}");
    assert_eq!((allow.as_str(), overrides.as_str()), (r#"["::1/128"]"#, r#"{"weight":2.0}"#));
    let shown = text(&run(&["change", "eve", "--permission", "cancel"]));
    assert!(shown.contains("may          cancel\n"), "it is shown as it is now: {shown}");
}

#[test]
fn an_error_is_one_line_and_has_an_exit_code() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| agents(folder.path(), Some(&redis), arguments);
    text(&run(&["add", "ada"]));
    for (arguments, code, part) in [
        (&["add", "ada"][..], 5, "name \"ada\""),
        (&["show", "bob"], 5, "no tenant \"bob\""),
        (&["add", "bob", "--limit", "jobs_per_dya=1"], 2, "jobs_per_dya"),
        (&["change", "ada"], 2, "nothing is to be changed"),
        (&["change", "bob", "--tier", "free"], 5, "no tenant \"bob\""),
        (&["change", "ada", "--limit", "jobs_per_dya=tier"], 2, "jobs_per_dya"),
        (&["change", "ada", "--name", ""], 2, "a name has"),
        (&["rotate", "ada", "--key", "key_00000000000000000000"], 5, "no key"),
        (&["list", "--master-key", &"7".repeat(64)], 5, "another master key"),
        (&["list", "--master-key", "hunter2"], 2, "64 hexadecimal digits"),
        (&["list", "--master-key-file", "nowhere"], 1, "nowhere"),
    ] {
        let (found, line) = refusal(&run(arguments));
        assert!(
            found == Some(code) && line.contains(part) && !line.contains("hunter2"),
            "{arguments:?}: {found:?} {line}"
        );
    }
    fs::write(folder.path().join("key"), MASTER).unwrap();
    fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, line) = refusal(&run(&["list", "--master-key-file", "key"]));
    assert!(code == Some(1) && line.contains("chmod 600"), "{line}");
    let (code, line) = refusal(&agents(folder.path(), None, &["list"]));
    assert!(code == Some(3) && line.contains("--data"), "{line}");
    let (code, line) = refusal(&agents(folder.path(), None, &["list", "--redis-url", &redis.url()]));
    assert!(code == Some(2) && line.contains("--master-key-file"), "{line}");
}

#[test]
fn a_data_directory_keeps_its_tenants_while_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let run = |arguments: &[&str]| agents(folder.path(), None, arguments);
    let key = json(&run(&["add", "ada", "--json"]))["api_key"].as_str().unwrap().to_owned();
    let mode = fs::metadata(folder.path().join("data/master-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Redis was stopped in between, and wrote everything down.
    assert!(text(&run(&["list"])).contains("ada"));
    let kept = Command::new("grep").args(["-r", &key]).arg(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), "", "the key is nowhere on the disk");
    // The master key is changed.
    let file = folder.path().join("data/master-key");
    let old = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{MASTER}\n{old}")).unwrap();
    assert!(text(&run(&["reseal"])).contains("sealed under the first master key"));
    fs::write(&file, &old).unwrap();
    assert_eq!(refusal(&run(&["list"])).0, Some(5), "the old one is of no use");
    fs::write(&file, MASTER).unwrap();
    assert!(text(&run(&["list"])).contains("ada"));
    let (code, line) = refusal(&run(&["list", "--redis-server", "no-such-redis"]));
    assert!(code == Some(3) && line.contains("no-such-redis"), "{line}");
}
