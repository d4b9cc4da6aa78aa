//! Every command of docs/api/*.md, run verbatim with a test key.

use crate::agents::add;
use crate::pictures::png;
use crate::world::World;
use access::{Mode, Overrides};
use domain::Class;
use std::process::Command;

/// Runs the `sh` blocks of a page as one script; returns the status of each response and all that was printed.
async fn run(page: &str) -> (Vec<String>, String) {
    let world = World::with(&["--with-status"]).await;
    let (_, key, _) = add(&world, "reader", Class::User, Mode::Test, Overrides::default()).await;
    let path = format!("{}/../../docs/api/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    // The commands are run verbatim, except that curl also prints the status of each response.
    let prelude =
        "set -eu\ncurl() { command curl --noproxy '*' --max-time 60 -w '%{stderr}%{http_code}\\n' \"$@\"; }\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mug.png"), png()).unwrap();
    let mut bash = Command::new("bash");
    bash.current_dir(folder.path()).arg("-c").arg(format!("{prelude}{}", blocks.concat()));
    bash.env("URL", world.url("")).env("KEY", key);
    let output = tokio::task::spawn_blocking(move || bash.output().unwrap()).await.unwrap();
    let (out, statuses) = (String::from_utf8_lossy(&output.stdout), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}\n{statuses}");
    for (file, start) in [("mug.glb", &b"glTF"[..]), ("mug-preview.png", b"\x89PNG")] {
        if text.contains(&format!("-o {file} ")) {
            assert!(std::fs::read(folder.path().join(file)).unwrap().starts_with(start), "{file}");
        }
    }
    (statuses.lines().map(str::to_owned).collect(), out.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_api_page_work_verbatim() {
    let (statuses, out) = run("README.md").await;
    let (last, all) = statuses.split_last().unwrap();
    assert_eq!(all, ["202", "202", "202", "200", "200", "200", "200", "200", "200", "206", "202"], "{out}");
    assert!(last == "200" || last == "202", "the job waits or runs when it is cancelled: {last}");
    for expected in ["event: snapshot", "\"role\":\"mesh\"", "\"status\":\"succeeded\"", "HTTP/1.1 200 OK"] {
        assert!(out.contains(expected), "{expected} is not in\n{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_test_keys_work_verbatim() {
    let (statuses, out) = run("testing.md").await;
    assert_eq!(statuses, ["202", "200", "429"], "{out}");
    assert!(out.contains("no_surface") && out.contains("queue_full"), "{out}");
}
