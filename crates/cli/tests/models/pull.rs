use std::path::{Path, PathBuf};

use crate::hub::{Fault, Hub};
use crate::{TINY, ckpt, failure, file_names, models, stdout, tiny_model};

/// A hub that has a tiny model in the place of `dit-v2-0`, and a folder to put it in.
struct Bench {
    hub: Hub,
    dir: tempfile::TempDir,
    weights: Vec<u8>,
}

const FOLDER: &str = "tencent/Hunyuan3D-2/hunyuan3d-dit-v2-0";

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        tiny_model(&source);
        let weights = std::fs::read(source.join("model.fp16.safetensors")).unwrap();
        let hub = Hub::start();
        hub.small(&format!("{FOLDER}/config.yaml"), TINY.as_bytes());
        hub.large(&format!("{FOLDER}/model.fp16.safetensors"), &weights);
        Self { hub, dir, weights }
    }

    fn target(&self) -> PathBuf {
        self.dir.path().join("models/dit-v2-0")
    }

    /// `pull dit-v2-0`, quick to try again.
    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let models = self.dir.path().join("models").to_str().unwrap().to_owned().leak();
        let mut arguments =
            vec!["pull", "dit-v2-0", "--hub", &self.hub.url, "--models", models, "--retry-delay", "0.01"];
        arguments.extend(more);
        arguments
    }

    fn assert_whole(&self) {
        assert_eq!(file_names(&self.target()), ["config.yaml", "model.fp16.safetensors", "origin.json"]);
        assert!(std::fs::read(self.target().join("model.fp16.safetensors")).unwrap() == self.weights);
    }
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_model_comes_whole_and_is_not_fetched_twice() {
    let bench = Bench::new();
    stdout(&bench.arguments(&[]));
    bench.assert_whole();
    let origin = json(&bench.target().join("origin.json"));
    assert_eq!(origin["commit"], "c0ffee");
    assert_eq!(origin["files"][1]["size"], bench.weights.len());
    let sha256 = checkpoint::hex(ring::digest::digest(&ring::digest::SHA256, &bench.weights).as_ref());
    assert_eq!(origin["files"][1]["sha256"], sha256);

    let again = stdout(&bench.arguments(&[]));
    assert!(again.contains("model.fp16.safetensors is there already"), "{again}");
    assert_eq!(bench.hub.ranges(), [None]);
}

#[test]
fn a_cut_connection_goes_on_where_it_ended() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Cut(1000), Fault::Cut(500), Fault::Cut(0)]);
    stdout(&bench.arguments(&[]));
    bench.assert_whole();
    let ranges: Vec<Option<String>> = [None, Some("bytes=1000-"), Some("bytes=1500-"), Some("bytes=1500-")]
        .map(|range| range.map(str::to_owned))
        .into();
    assert_eq!(bench.hub.ranges(), ranges);
}

#[test]
fn a_stalled_connection_is_given_up() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Stall(1000)]);
    stdout(&bench.arguments(&["--stall", "0.3"]));
    bench.assert_whole();
    assert_eq!(bench.hub.ranges(), [None, Some("bytes=1000-".to_owned())]);
}

#[test]
fn a_later_run_goes_on_too() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Cut(1000)]);
    let (code, line) = failure(&bench.arguments(&["--retries", "0"]));
    assert_eq!(code, 3, "{line}");
    assert!(file_names(&bench.target()).contains(&"model.fp16.safetensors.partial".to_owned()));
    stdout(&bench.arguments(&[]));
    bench.assert_whole();
    assert_eq!(bench.hub.ranges(), [None, Some("bytes=1000-".to_owned())]);
}

#[test]
fn a_new_version_does_not_go_on_with_the_old_one() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Cut(1000)]);
    failure(&bench.arguments(&["--retries", "0"]));
    let mut changed = bench.weights.clone();
    *changed.last_mut().unwrap() ^= 1;
    bench.hub.large(&format!("{FOLDER}/model.fp16.safetensors"), &changed);
    stdout(&bench.arguments(&[]));
    assert!(std::fs::read(bench.target().join("model.fp16.safetensors")).unwrap() == changed);
    assert_eq!(bench.hub.ranges(), [None, None]);
}

#[test]
fn a_server_without_ranges_begins_anew() {
    for fault in [Fault::Whole, Fault::OtherPart, Fault::Status(416)] {
        let bench = Bench::new();
        bench.hub.fail(&[Fault::Cut(1000), fault]);
        stdout(&bench.arguments(&[]));
        bench.assert_whole();
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Status(503), Fault::Busy(429), Fault::Status(500)]);
    stdout(&bench.arguments(&[]));
    bench.assert_whole();
    assert_eq!(bench.hub.ranges().len(), 4);
}

#[test]
fn retries_are_bounded() {
    let bench = Bench::new();
    bench.hub.fail(&vec![Fault::Status(503); 20]);
    let (code, line) = failure(&bench.arguments(&["--retries", "2"]));
    assert_eq!(code, 3);
    assert!(line.contains("503"), "{line}");
    assert_eq!(bench.hub.ranges().len(), 3);
}

#[test]
fn wrong_bytes_never_get_the_name_of_the_file() {
    for fault in [Fault::Changed, Fault::TooLong] {
        let bench = Bench::new();
        bench.hub.fail(std::slice::from_ref(&fault));
        let (code, line) = failure(&bench.arguments(&[]));
        assert_eq!(code, 1, "{line}");
        assert!(line.contains("removed") || line.contains("more than the"), "{fault:?}: {line}");
        assert!(!bench.target().join("model.fp16.safetensors").exists());
        // The next run is not spoilt by it.
        stdout(&bench.arguments(&[]));
        bench.assert_whole();
    }
}

#[test]
fn the_users_checksum_goes_before_the_hubs() {
    let bench = Bench::new();
    let (_, line) = failure(&bench.arguments(&["--sha256", &"0".repeat(64)]));
    assert!(line.contains("SHA-256 is") && line.contains("removed"), "{line}");
    assert!(!bench.target().join("model.fp16.safetensors").exists());
}

#[test]
fn a_missing_job_or_file_is_reported_at_once() {
    let bench = Bench::new();
    let (code, line) =
        failure(&["pull", "dit-v2-mini", "--hub", &bench.hub.url, "-o", bench.target().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(line.contains("dit-v2-mini/config.yaml answers 404") && line.contains("HF_TOKEN"), "{line}");
    assert_eq!(bench.hub.requests().len(), 1);

    let (code, line) = failure(&["pull", "dit-v9"]);
    assert_eq!(code, 2);
    assert!(line.contains("no published model is called dit-v9; there are dit-v2-0,"), "{line}");
}

#[test]
fn refusals_of_the_hub_mention_the_token() {
    for (status, token, expected, part) in [
        (401, None, 5, "or it needs a token (--token, HF_TOKEN)"),
        (401, Some("hf_old"), 5, "the token (--token, HF_TOKEN) is not valid or has expired"),
        (403, None, 5, "needs a token (--token, HF_TOKEN) of an account that has accepted its licence"),
        (403, Some("hf_x"), 5, "needs the token (--token, HF_TOKEN) of an account"),
        (404, Some("hf_x"), 3, "the token (--token, HF_TOKEN) does not open it"),
    ] {
        let bench = Bench::new();
        bench.hub.answer_missing(status);
        let target = bench.target();
        let mut arguments = vec!["pull", "dit-v2-mini", "--hub", &bench.hub.url, "-o", target.to_str().unwrap()];
        arguments.extend(token.iter().flat_map(|token| ["--token", token]));
        let (code, line) = failure(&arguments);
        assert!(code == expected && line.contains(part), "{status} {token:?}: {code} {line}");
        assert!(token.is_none_or(|token| !line.contains(token)), "{line}");
    }
}

#[test]
fn the_weights_are_of_the_commit_of_the_configuration() {
    let bench = Bench::new();
    let mut moved = bench.weights.clone();
    *moved.last_mut().unwrap() ^= 1;
    // The branch moves between the two requests.
    let (repo, folder) = FOLDER.rsplit_once('/').unwrap();
    bench.hub.large(&format!("{repo}@main/{folder}/model.fp16.safetensors"), &moved);
    stdout(&bench.arguments(&[]));
    bench.assert_whole();
    let origin = json(&bench.target().join("origin.json"));
    assert_eq!((&origin["revision"], &origin["commit"]), (&"main".into(), &"c0ffee".into()));
}

#[test]
fn published_names_are_understood() {
    for name in ["tencent/Hunyuan3D-2", "hunyuan3d-2", "Hunyuan3D-2.0", "hunyuan3d-dit-v2-0"] {
        let bench = Bench::new();
        let mut arguments = bench.arguments(&[]);
        arguments[1] = name;
        stdout(&arguments);
        bench.assert_whole();
    }
}

#[test]
fn an_unreachable_hub_is_reported() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let absent = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["pull", "dit-v2-0", "--hub", &absent, "--retries", "1", "--retry-delay", "0", "-o"];
    let (code, line) = failure(&[&arguments[..], &[dir.path().to_str().unwrap()]].concat());
    assert_eq!(code, 3);
    assert!(line.starts_with("orfeas: ") && line.contains(&absent), "{line}");
}

#[test]
fn weights_of_another_model_are_reported() {
    let bench = Bench::new();
    let other = TINY.replacen("depth: 1", "depth: 2", 1);
    bench.hub.small(&format!("{FOLDER}/config.yaml"), other.as_bytes());
    let (code, line) = failure(&bench.arguments(&[]));
    assert_eq!(code, 1);
    assert!(line.contains("missing: model.double_blocks.1."), "{line}");
}

#[test]
fn the_token_is_for_the_hub_alone() {
    let bench = Bench::new();
    stdout(&bench.arguments(&["--token", "hf_secret"]));
    let requests = bench.hub.requests();
    // The store of this hub has the same address, so only the redirect rule keeps the token from it.
    for request in &requests {
        let expected = (!request.path.starts_with("/store/")).then(|| "Bearer hf_secret".to_owned());
        assert_eq!(request.authorization, expected, "{request:?}");
    }
    assert!(requests.iter().any(|request| request.path.starts_with("/store/")));
}

#[test]
fn values_cannot_change_the_path_of_a_request() {
    for revision in ["../../other", "a/b", "a?b", "", "a b", "..", "a%2fb"] {
        let (code, _) = failure(&["pull", "dit-v2-0", "--revision", revision]);
        assert_eq!(code, 2, "{revision}");
    }
    let (code, _) = failure(&["pull", "dit-v2-0", "--hub", "file:///etc"]);
    assert_eq!(code, 2);
}

#[test]
fn a_ckpt_becomes_safetensors_once() {
    let bench = Bench::new();
    let source = bench.dir.path().join("source");
    let ckpt = ckpt::from_safetensors(&source.join("model.fp16.safetensors"));
    let folder = "tencent/Hunyuan3D-2.1/hunyuan3d-dit-v2-1";
    bench.hub.small(&format!("{folder}/config.yaml"), TINY.as_bytes());
    bench.hub.large(&format!("{folder}/model.fp16.ckpt"), &ckpt);
    let target = bench.dir.path().join("v2-1");
    let arguments = ["pull", "dit-v2-1", "--hub", &bench.hub.url, "-o", target.to_str().unwrap()];
    let arguments_kept = [&arguments[..], &["--keep-ckpt"]].concat();

    stdout(&arguments);
    assert_eq!(file_names(&target), ["config.yaml", "model.fp16.safetensors", "origin.json"]);
    assert!(std::fs::read(target.join("model.fp16.safetensors")).unwrap() == bench.weights);
    // The .ckpt is gone, but what it was is known.
    stdout(&arguments);
    assert_eq!(bench.hub.ranges().len(), 1);
    // When the converted file is gone too, all begins anew.
    std::fs::remove_file(target.join("model.fp16.safetensors")).unwrap();
    stdout(&arguments_kept);
    assert!(file_names(&target).contains(&"model.fp16.ckpt".to_owned()));
    assert_eq!(bench.hub.ranges().len(), 2);
}

#[test]
fn progress_and_tries_go_to_standard_error() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::Cut(1000)]);
    let output = models(&bench.arguments(&[]));
    assert!(output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("trying again in 0.0 s"), "{stderr}");
}
