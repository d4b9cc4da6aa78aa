//! Every shell command of the documentation. Blocks are run as they stand against a running `orfeas up`, in order, page by
//! page. Those with a comment `<!-- not run: REASON -->` are checked: programs, subcommands, options and files exist.
//! (The programs of docs/agents.md are run by `agents_page`.)

use clap::CommandFactory;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use system_tests::{blocks, repository};
use test_support::ServiceProcess;

/// The pages with commands. A new page is found by [`every_page_is_checked`].
const PAGES: [&str; 6] = [
    "README.md",
    "docs/api/README.md",
    "docs/api/testing.md",
    "docs/benchmarks/training.md",
    "models/orfeas-tiny/README.md",
    "training/README.md",
];

#[test]
fn every_command_exists() {
    for page in PAGES {
        let mut folder = match page {
            "training/README.md" | "docs/benchmarks/training.md" => repository().join("training"),
            _ => repository(),
        };
        let blocks = blocks(&repository().join(page));
        assert!(!blocks.is_empty(), "{page} has no commands");
        for block in blocks {
            let start = folder.clone();
            for command in block.commands() {
                if let Err(error) = check(&command, &mut folder) {
                    panic!("{page}:{}: {command}: {error}", block.line);
                }
            }
            folder = start;
        }
    }
}

#[test]
fn every_page_is_checked() {
    let output = Command::new("git").args(["ls-files", "*.md"]).current_dir(repository()).output().unwrap();
    for page in String::from_utf8(output.stdout).unwrap().lines().filter(|page| !PAGES.contains(page)) {
        let path = repository().join(page);
        assert!(!path.is_file() || blocks(&path).is_empty(), "{page} has commands: add it to the pages of this test");
    }
}

/// Checks one command in `folder`, which `cd` changes.
fn check(command: &str, folder: &mut PathBuf) -> Result<(), String> {
    let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_matches(['\'', '"'])).collect();
    let program = words[0].rsplit('/').next().unwrap_or_default();
    let exists = |path: &str| match folder.join(path).exists() {
        true => Ok(()),
        false => Err(format!("there is no {path} in {}", folder.display())),
    };
    match (program, &words[1..]) {
        ("cd", [to]) => {
            exists(to)?;
            folder.push(to);
            Ok(())
        }
        ("orfeas", arguments) => {
            let line = ["orfeas"].iter().chain(arguments);
            let parsed = cli::Cli::command().try_get_matches_from(line);
            parsed.map_err(|error| error.to_string())?;
            published(arguments)
        }
        ("cargo", ["xtask", arguments @ ..]) => xtask(arguments),
        ("cargo", ["build", "--release"]) => Ok(()),
        ("cargo", ["run", arguments @ ..]) => {
            let after = |flag: &str| arguments.windows(2).find(|pair| pair[0] == flag).map(|pair| pair[1]);
            let (Some(package), Some(example)) = (after("-p"), after("--example")) else {
                return Err("name the package and the example".to_owned());
            };
            let folder = repository().join(format!("crates/{package}/examples"));
            let sources = [format!("{example}.rs"), format!("{example}/main.rs")];
            let exists = sources.iter().any(|source| folder.join(source).is_file());
            if exists { Ok(()) } else { Err(format!("there is no example {example} in {}", folder.display())) }
        }
        ("python" | "python3", ["-m", "venv" | "pytest", _]) => Ok(()),
        ("python" | "python3", [script, arguments @ ..]) => {
            exists(script)?;
            let source = std::fs::read_to_string(folder.join(script)).map_err(|error| error.to_string())?;
            let unknown =
                arguments.iter().find(|word| word.starts_with("--") && !source.contains(&format!("\"{word}\"")));
            unknown.map_or(Ok(()), |option| Err(format!("{script} has no option {option}")))
        }
        ("pip", ["install", "-r", file]) => exists(file),
        ("curl", _) => Ok(()),
        _ => Err("this program is not known to the test".to_owned()),
    }
}

/// Names of models are those of published ones, directories are there or named so.
fn published(arguments: &[&str]) -> Result<(), String> {
    let name = match arguments {
        ["models", "pull", name, ..] => Some(*name),
        _ => arguments.windows(2).find(|pair| pair[0] == "--model").map(|pair| pair[1]),
    };
    let is_known = |name: &str| {
        checkpoint::Preset::find(name.rsplit('/').next().unwrap_or_default()).is_some()
            || repository().join(name).is_dir()
    };
    name.filter(|name| !is_known(name)).map_or(Ok(()), |name| Err(format!("there is no model {name}")))
}

fn xtask(arguments: &[&str]) -> Result<(), String> {
    let help = Command::new(ServiceProcess::binary("xtask")).args([arguments[0], "--help"]).output().unwrap();
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let is_known = |option: &&str| !option.starts_with("--") || text.contains(*option);
    match (help.status.success(), arguments[1..].iter().find(|option| !is_known(option))) {
        (true, None) => Ok(()),
        (_, option) => Err(format!("cargo xtask has no {} {}", arguments[0], option.unwrap_or(&""))),
    }
}

/// A running `orfeas up` in a folder that looks like the root of the repository after a release build.
struct Place {
    folder: tempfile::TempDir,
    _up: ServiceProcess,
    url: String,
    key: String,
}

impl Place {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let orfeas = ServiceProcess::binary("orfeas");
        for service in ["orfeas-gateway", "orfeas-worker"] {
            ServiceProcess::binary(service);
        }
        let link = |to: &Path, from: &str| std::os::unix::fs::symlink(to, folder.path().join(from)).unwrap();
        std::fs::create_dir(folder.path().join("target")).unwrap();
        link(orfeas.parent().unwrap(), "target/release");
        link(&repository().join("assets"), "assets");
        link(&repository().join("models"), "models");
        link(&repository().join("assets/mug.png"), "mug.png");
        let mut command = Command::new(folder.path().join("target/release/orfeas"));
        command.current_dir(folder.path()).args(["up", "--listen", "127.0.0.1:0", "--device", "cpu"]);
        let up = ServiceProcess::spawn(command.args(["--torch-threads", "1"]));
        up.wait_for_line("Ctrl-C stops everything", Duration::from_secs(120)).await;
        let session: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("data/up.json")).unwrap()).unwrap();
        let text = |field: &str| session[field].as_str().unwrap().to_owned();
        Self { url: text("gateway_url"), key: text("api_key"), folder, _up: up }
    }

    /// Runs one command; `ID` is the last job that was made.
    fn run(&self, command: &str, id: &mut String) -> Result<(), String> {
        let command = command.replace("http://127.0.0.1:8080", "$URL");
        let command = command.replace("curl ", "curl --no-progress-meter --fail-with-body ");
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(self.folder.path())
            .env("URL", &self.url)
            .env("KEY", &self.key)
            .env("ID", &*id)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if let Some(job) = text.split("\"job_id\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
            job.clone_into(id);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{}: {text}{errors}", output.status)) }
    }

    async fn job_has_ended(&self, id: &str) {
        let url = format!("{}/api/v1/jobs/{id}", self.url);
        let ended = async || {
            let answer = reqwest::Client::new().get(&url).bearer_auth(&self.key).send().await.unwrap();
            let job: serde_json::Value = answer.json().await.unwrap();
            job["status"] == "succeeded"
        };
        test_support::wait_until("the end of the job", Duration::from_secs(120), ended).await;
    }
}

#[tokio::test]
async fn commands_work_as_written() {
    let place = Place::start().await;
    for page in PAGES {
        let mut id = String::new();
        for block in blocks(&repository().join(page)).into_iter().filter(|block| block.not_run.is_none()) {
            for command in block.commands() {
                if command.contains("/result") {
                    place.job_has_ended(&id).await;
                }
                if let Err(error) = place.run(&command, &mut id) {
                    panic!("{page}:{}: {command}: {error}", block.line);
                }
            }
        }
    }
    let mesh = std::fs::read(place.folder.path().join("mug.glb")).unwrap();
    assert!(mesh.starts_with(b"glTF"));
}
