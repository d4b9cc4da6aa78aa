//! Rules about the source tree: dependencies between crates, sizes of files, words in comments.

use crate::shell::{cargo, command, output, root};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The crates of the workspace that each crate may depend on; none for a crate that is not listed. Tests may depend on all.
const EDGES: [(&str, &[&str]); 14] = [
    ("queue", &["domain", "redis-client"]),
    ("blobs", &["domain"]),
    ("access", &["domain", "redis-client"]),
    ("model", &["domain", "mesh"]),
    ("hunyuan3d", &["checkpoint", "domain", "mesh", "model"]),
    ("spheres", &["domain", "model"]),
    ("http-api", &["access", "blobs", "domain", "env-file", "queue", "signatures", "telemetry"]),
    ("webhooks", &["access", "domain", "egress", "queue", "redis-client", "telemetry"]),
    (
        "gateway",
        &["access", "blobs", "domain", "egress", "picture", "queue", "status", "telemetry", "http-api", "webhooks"],
    ),
    ("status", &["blobs", "domain", "queue", "telemetry", "http-api"]),
    (
        "worker",
        &["blobs", "domain", "env-file", "hunyuan3d", "mesh", "model", "picture", "queue", "spheres", "telemetry"],
    ),
    ("cli", &["access", "checkpoint", "domain", "env-file", "queue"]),
    ("test-support", &["domain", "signatures"]),
    ("xtask", &[]),
];

/// Only these may link libtorch, so that the other services stay small.
const MAY_LINK_LIBTORCH: [&str; 1] = ["hunyuan3d"];

/// The most lines of a Rust source file; a longer one has parts that belong in files of their own.
const MOST_LINES: usize = 400;

/// Files that read variables of the system which are no options: proxies, and the PATH.
const READ_ENVIRONMENT: [&str; 2] = ["crates/cli/src/http/proxy.rs", "crates/cli/src/up/screen.rs"];

/// This file, the only one that may hold the words below.
const LISTS_WORDS: &str = "crates/xtask/src/tidy.rs";

/// Words that turn a part of the program into a person. The subject is the client, the caller, the thread, the job.
const PERSONS: [&str; 8] =
    ["whoever", "somebody", "nobody", "everybody", "anybody", "someone", "everyone", "who comes"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Checks every rule and prints each breach.
pub(crate) fn run() -> Result<()> {
    let json = output(&mut cargo(&["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let metadata: Metadata = serde_json::from_str(&json).context("cargo metadata")?;
    let mut breaches = edges(&metadata);
    breaches.extend(files()?);
    for breach in &breaches {
        println!("tidy: {breach}");
    }
    if !breaches.is_empty() {
        bail!("{} rules are broken", breaches.len());
    }
    Ok(())
}

fn edges(metadata: &Metadata) -> Vec<String> {
    let allowed: BTreeMap<_, _> = EDGES.into_iter().collect();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut breaches = Vec::new();
    for package in metadata.packages.iter().filter(|package| package.name != "system-tests") {
        let may = allowed.get(package.name.as_str()).copied().unwrap_or_default();
        // Dev-dependencies are tests; a build script counts like the code.
        for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
            let (from, to) = (package.name.as_str(), dependency.name.as_str());
            if ours.contains(to) && !may.contains(&to) {
                breaches.push(format!("{from} must not depend on {to}"));
            }
            if to == "tch" && !MAY_LINK_LIBTORCH.contains(&from) {
                breaches.push(format!("{from} must not link libtorch"));
            }
        }
    }
    breaches
}

/// Whether a comment, a document or a text holds one of [`PERSONS`].
fn names_person(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let text = format!(" {} ", words.join(" "));
    PERSONS.iter().any(|person| text.contains(&format!(" {person} ")))
}

fn files() -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for path in output(&mut command("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))?.lines() {
        let is_source = [".rs", ".py", ".lua", ".toml", ".sh"].iter().any(|end| path.ends_with(end));
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        if !is_source {
            continue;
        }
        let lines = text.lines().count();
        if path.ends_with(".rs") && lines > MOST_LINES {
            breaches.push(format!("{path} has {lines} lines, divide it (at most {MOST_LINES})"));
        }
        let line_with_person = (1..).zip(text.lines()).find(|(_, line)| names_person(line));
        if let Some((number, line)) = line_with_person.filter(|_| path != LISTS_WORDS) {
            breaches.push(format!("{path}:{number} personifies: {}", line.trim()));
        }
        if text.lines().any(|line| line.ends_with(' ') || line.ends_with('\t')) {
            breaches.push(format!("{path} has spaces at the end of a line"));
        }
        // Configuration is read once, by clap, in each binary.
        let reads_environment = path.starts_with("crates/") && path.contains("/src/") && !path.contains("/xtask/");
        if reads_environment && !READ_ENVIRONMENT.contains(&path) && text.contains("env::var") {
            breaches.push(format!("{path} reads the environment: make it an option of the binary"));
        }
        // Outside tests, whatever ends a program says which invariant did not hold. (Test support is a test.)
        let is_program = path.starts_with("crates/") && path.contains("/src/") && !path.contains("/test-support/");
        let program = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        let code = program.lines().filter(|line| !line.trim_start().starts_with("//"));
        let mut unproven = code.filter(|line| line.contains(".expect(\"") && !line.contains("This is a bug."));
        if is_program && path.ends_with(".rs") && unproven.next().is_some() {
            breaches.push(format!("{path} expects something without naming the invariant (… This is a bug.)"));
        }
        // What is registered as a described handler is in the OpenAPI document; this would not be.
        let is_service = ["crates/gateway/src/", "crates/status/src/"].iter().any(|start| path.starts_with(start));
        if is_service && [".route(", "web::resource(", "web::scope("].iter().any(|call| text.contains(call)) {
            breaches.push(format!("{path} registers a route that the OpenAPI document does not have"));
        }
    }
    Ok(breaches)
}
