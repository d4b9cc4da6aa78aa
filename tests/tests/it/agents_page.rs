//! Every program of docs/agents.md, as it stands there, with a test key, through nginx.

use access::{Issued, Mode, NewTenant, Overrides};
use domain::Class;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use system_tests::{System, picture, repository};
use tempfile::TempDir;
use test_support::{ServiceProcess, free_port, wait_until};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Used by the other programs.
const LIBRARIES: [&str; 3] = ["orfeas.py", "orfeas.ts", "orfeas.sh"];
/// Make `mug.glb`.
const MAKERS: [&str; 3] = ["make.py", "make.ts", "make.sh"];
/// Follow a job to its end.
const FOLLOWERS: [&str; 4] = ["follow.py", "follow.ts", "follow.sh", "batch.py"];
/// Register a webhook.
const REGISTRARS: [&str; 3] = ["register.py", "register.ts", "register.sh"];
/// Listen on `PORT` for webhooks.
const RECEIVERS: [&str; 2] = ["receiver.py", "receiver.ts"];
const OTHERS: [&str; 4] = ["check_key.py", "rehearse.py", "rfc9421.py", "verify-webhook.sh"];

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn each_program_of_the_page_does_what_the_page_says() {
    let system = System::start(0).await;
    let page = Page::of(&system, &system.new_agent("page", Mode::Test).await);
    page.succeeds("check_key.py").await;
    for name in MAKERS {
        page.succeeds(name).await;
        let mesh = page.folder.path().join("mug.glb");
        assert_eq!(&std::fs::read(&mesh).unwrap_or_else(|error| panic!("{name}: {error}"))[..4], b"glTF", "{name}");
        std::fs::remove_file(mesh).unwrap();
    }
    for name in FOLLOWERS {
        let told = page.succeeds(name).await;
        assert!(told.contains("succeeded"), "{name}: {told}");
    }
    assert!(page.succeeds("rfc9421.py").await.contains("jobs"));
    let told = page.succeeds("rehearse.py").await;
    for expected in ["success -> succeeded", "fail:no_surface -> no_surface", "image_too_small -> 422:"] {
        assert!(told.contains(expected), "{told}");
    }
}

/// One submission a minute: the second one waits until the window lets it in, for as long as it is told to.
#[tokio::test]
async fn programs_wait_as_long_as_they_are_told_to() {
    let system = System::start(0).await;
    let twice = async |name: &'static str| {
        let overrides = Overrides { requests_per_minute: Some(1), queries_per_minute: Some(0), ..Overrides::default() };
        let agent = NewTenant { overrides, ..NewTenant::new(name, Class::Agent) };
        let page = Page::of(&system, &system.add(agent, Mode::Test).await);
        let start = Instant::now();
        page.succeeds(name).await;
        let first = start.elapsed();
        page.succeeds(name).await;
        assert!(first < Duration::from_secs(30) && start.elapsed() > Duration::from_secs(55), "{name}: {first:?}");
    };
    tokio::join!(twice(MAKERS[0]), twice(MAKERS[1]), twice(MAKERS[2]));
}

#[tokio::test]
async fn each_program_of_the_page_says_why_it_was_refused() {
    let system = System::start(0).await;
    let issued = system.new_agent("page", Mode::Test).await;
    let mut page = Page::of(&system, &issued);
    let key = issued.api_key.expose_secret();
    for wrong in [&key[..key.len() - 1], &key.replacen("test", "live", 1), "orf_test_"] {
        page.set("ORFEAS_API_KEY", wrong);
        assert!(!page.run("check_key.py").await.status.success(), "{wrong}");
    }
    page.set("ORFEAS_API_KEY", key);
    page.set("ORFEAS_SIGNING_SECRET", "orf_secret_of_another_tenant");
    for name in MAKERS {
        let output = page.run(name).await;
        assert!(!output.status.success(), "{name}");
        assert!(!page.folder.path().join("mug.glb").exists(), "{name}");
        if !name.ends_with(".sh") {
            assert!(text(&output).contains("invalid_signature"), "{name}: {}", text(&output));
        }
    }
}

#[tokio::test]
async fn receivers_take_genuine_webhooks_only() {
    let page = Page::new();
    let (body, now) = (r#"{"type":"job.succeeded","data":{}}"#, now_s());
    let genuine = signature("msg_1", now, body).await;
    let calls = [
        (204, body, now, genuine.clone()),
        (204, body, now, format!("v1,AAAA v2,xyz {genuine}")),
        (401, "{}", now, genuine.clone()),
        (401, body, now + 1, genuine.clone()),
        (401, body, now - 400, signature("msg_1", now - 400, body).await),
        (401, body, now, "v1,".to_owned()),
    ];
    for name in RECEIVERS {
        let port = free_port();
        let receiver = page.receiver(name, port, WEBHOOK_SECRET).await;
        for (status, body, timestamp, signature) in &calls {
            let answer = reqwest::Client::new()
                .post(format!("http://127.0.0.1:{port}/"))
                .header("webhook-id", "msg_1")
                .header("webhook-timestamp", timestamp.to_string())
                .header("webhook-signature", signature)
                .body(*body)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status().as_u16(), *status, "{name}: {body} {timestamp} {signature}");
        }
        let told = receiver.lines().iter().filter(|line| line.contains("job.succeeded")).count();
        assert_eq!(told, 1, "{name}: each event counts once");
    }
    for (status, body, timestamp, signature) in &calls {
        let headers = ["msg_1", &timestamp.to_string(), signature.as_str()];
        assert_eq!(page.verifies(body, headers, WEBHOOK_SECRET).await, *status == 204, "{body} {headers:?}");
    }
}

/// Registered by the page's programs, called by the gateway, received by the page's programs.
#[tokio::test]
async fn receivers_are_registered_and_told_by_the_gateway() {
    let (python, typescript) = (free_port(), free_port());
    let shell = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let ports = [python, typescript, shell.local_addr().unwrap().port()];
    // By default the gateway calls no private address.
    let calls = ports.map(|port| port.to_string()).join(",");
    let options = ["--egress-allow=127.0.0.1/32".to_owned(), format!("--egress-ports={calls}")];
    let system = System::start_with(0, &options).await;
    let page = Page::of(&system, &system.new_agent("page", Mode::Test).await);
    let mut secrets = Vec::new();
    for (name, port) in REGISTRARS.into_iter().zip(ports) {
        let output = page.command(name).arg(format!("http://127.0.0.1:{port}/orfeas")).output().await.unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output));
        secrets.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    assert!(secrets.iter().all(|secret| secret.starts_with("whsec_")), "each prints its secret");

    let python = page.receiver(RECEIVERS[0], python, &secrets[0]).await;
    let typescript = page.receiver(RECEIVERS[1], typescript, &secrets[1]).await;
    let told = page.succeeds("make.py").await;
    let job = told.split_whitespace().nth(1).unwrap();
    let wait = Duration::from_secs(30);
    for receiver in [&python, &typescript] {
        receiver.wait_for_line("job.succeeded", wait).await;
        receiver.wait_for_line(job, wait).await;
    }
    let (body, headers) = tokio::time::timeout(wait, take_webhook(&shell)).await.unwrap();
    assert!(body.contains("job.succeeded") && body.contains(job), "{body}");
    let headers = headers.each_ref().map(String::as_str);
    assert!(page.verifies(&body, headers, &secrets[2]).await, "{body} {headers:?}");
    assert!(!page.verifies(&body.replace("succeeded", "failed"), headers, &secrets[2]).await);
    assert!(!page.verifies(&body, headers, &secrets[0]).await);
}

/// Takes one webhook: its body, and its id, timestamp and signature.
async fn take_webhook(listener: &TcpListener) -> (String, [String; 3]) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut head = BTreeMap::new();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap() > 2 {
        if let Some((name, value)) = line.split_once(": ") {
            head.insert(name.to_lowercase(), value.trim().to_owned());
        }
        line.clear();
    }
    let mut body = vec![0; head["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let header = |name: &str| head[&format!("webhook-{name}")].clone();
    (String::from_utf8(body).unwrap(), ["id", "timestamp", "signature"].map(header))
}

/// The page's programs in a folder, and what they need in their environment.
struct Page {
    folder: TempDir,
    environment: BTreeMap<&'static str, String>,
}

impl Page {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mug.png"), picture("mug.png")).unwrap();
        extract(folder.path());
        Self { folder, environment: BTreeMap::new() }
    }

    /// For an agent of the system.
    fn of(system: &System, key: &Issued) -> Self {
        let mut page = Self::new();
        page.set("ORFEAS_URL", system.client.base());
        page.set("ORFEAS_API_KEY", key.api_key.expose_secret());
        page.set("ORFEAS_SIGNING_SECRET", key.signing_secret.as_ref().unwrap().expose_secret());
        page.set("ORFEAS_KEY_ID", key.key_id.as_str());
        page
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.environment.insert(name, value.to_owned());
    }

    fn command(&self, name: &str) -> Command {
        let venv = repository().join(".venv/bin");
        let mut command = match name.rsplit('.').next() {
            Some("py") => Command::new(venv.join("python")),
            Some("sh") => Command::new("bash"),
            _ => {
                let mut node = Command::new(venv.join("node"));
                node.args(["--experimental-strip-types", "--no-warnings"]);
                node
            }
        };
        command.arg(name).current_dir(self.folder.path()).envs(&self.environment).kill_on_drop(true);
        command
    }

    /// A program that takes webhooks, listening.
    async fn receiver(&self, name: &str, port: u16, secret: &str) -> ServiceProcess {
        let mut command = self.command(name);
        command.env("PORT", port.to_string()).env("ORFEAS_WEBHOOK_SECRET", secret);
        let receiver = ServiceProcess::spawn(command.as_std_mut());
        let up = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        wait_until(name, Duration::from_secs(20), up).await;
        receiver
    }

    /// Whether `verify-webhook.sh` takes a body with this id, timestamp and signature.
    async fn verifies(&self, body: &str, [id, timestamp, signature]: [&str; 3], secret: &str) -> bool {
        let file = self.folder.path().join("body.json");
        std::fs::write(&file, body).unwrap();
        let mut command = self.command("verify-webhook.sh");
        command.stdin(std::fs::File::open(file).unwrap()).env("ORFEAS_WEBHOOK_SECRET", secret);
        command.env("WEBHOOK_ID", id).env("WEBHOOK_TIMESTAMP", timestamp).env("WEBHOOK_SIGNATURE", signature);
        command.status().await.unwrap().success()
    }

    async fn run(&self, name: &str) -> Output {
        let run = self.command(name).output();
        tokio::time::timeout(Duration::from_secs(90), run).await.unwrap_or_else(|_| panic!("{name} hangs")).unwrap()
    }

    async fn succeeds(&self, name: &str) -> String {
        let output = self.run(name).await;
        assert!(output.status.success(), "{name}: {}", text(&output));
        text(&output)
    }
}

/// Writes each program of the page to the file that its first line names.
fn extract(folder: &Path) {
    let page = std::fs::read_to_string(repository().join("docs/agents.md")).unwrap();
    let mut found: Vec<String> = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, program) = block.split_once('\n').unwrap();
        if language == "text" {
            continue;
        }
        let head = program.lines().next().unwrap_or_default();
        let name = head.strip_prefix("# ").or(head.strip_prefix("// "));
        let name = name.unwrap_or_else(|| panic!("the program that begins with `{head}` has no name"));
        std::fs::write(folder.join(name), format!("{program}\n")).unwrap();
        found.push(name.to_owned());
    }
    let mut known: Vec<&str> = [&LIBRARIES[..], &MAKERS, &FOLLOWERS, &REGISTRARS, &RECEIVERS, &OTHERS].concat();
    known.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, known, "each program of the page is run by a test here");
}

/// What an independent library signs a webhook with.
async fn signature(id: &str, timestamp: u64, body: &str) -> String {
    const SIGN: &str = "import sys, datetime; from standardwebhooks import Webhook; \
        at = datetime.datetime.fromtimestamp(int(sys.argv[3]), datetime.timezone.utc); \
        print(Webhook(sys.argv[1]).sign(sys.argv[2], at, sys.argv[4]))";
    let mut python = Command::new(repository().join(".venv/bin/python"));
    let output = python.args(["-c", SIGN, WEBHOOK_SECRET, id, &timestamp.to_string(), body]).output().await.unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
