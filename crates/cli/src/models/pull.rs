use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use checkpoint::{Announced, Checksum, Download, Fetched, Origin, Preset, already_fetched, find_weights};
use secrecy::SecretString;

use super::hub::{Failure, Hub, Remote};
use super::{inspect, progress, text};
use crate::http::{Http, base_url};
use crate::{Error, terminal};

/// The options of `orfeas models pull`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A published model, by any of its names: dit-v2-mini-turbo, hunyuan3d-2mini-turbo, tencent/Hunyuan3D-2mini (see
    /// `orfeas models list`)
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Directory to put it in. Default: a directory of its name in the models directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Directory with the models of this machine
    #[arg(long, env = "ORFEAS_MODELS", value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Address of the hub or a mirror
    #[arg(long, env = "HF_ENDPOINT", value_name = "URL", default_value = "https://huggingface.co", value_parser = base_url)]
    pub hub: String,
    /// Token for the hub, if it asks for one
    #[arg(long, env = "HF_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<SecretString>,
    /// Branch, tag or commit
    #[arg(long, default_value = "main", value_parser = revision)]
    pub revision: String,
    /// SHA-256 that the weights must have, in place of the one that the hub announces
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub sha256: Option<String>,
    /// How often a request that failed is repeated
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub retries: u32,
    /// Seconds before the first repetition; doubled each time
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub retry_delay: f64,
    /// Seconds without data after which a connection is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub stall: f64,
    /// Keep the .ckpt from which a model was converted
    #[arg(long)]
    pub keep_ckpt: bool,
    /// Certificates (PEM) that the hub is checked against, in place of those of the system
    #[arg(long, env = "ORFEAS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Longest pause between two requests.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// What `.ckpt` files are converted to.
const CONVERTED: &str = "model.fp16.safetensors";

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let preset: &Preset = options.name.parse()?;
    let dir = options.output.clone().unwrap_or_else(|| options.models.join(preset.name));
    let http = Http::new(options.ca_file.as_deref(), Duration::from_secs_f64(options.stall))?;
    let hub = Hub::new(http, options.hub.clone(), options.token.clone());
    let pull = Pull { options, preset, dir: &dir, hub };

    let (config, commit) = pull.file(&options.revision, "config.yaml", None)?;
    // A branch may move in between: the weights are those of the same commit.
    let same = commit.as_deref().filter(|commit| revision(commit).is_ok()).unwrap_or(&options.revision);
    let (weights, _) = pull.file(same, preset.weights, options.sha256.as_deref())?;
    // Written before the conversion, so that after an interruption there the weights are not fetched again.
    let origin = Origin {
        name: preset.name.to_owned(),
        hub: pull.hub.base().to_owned(),
        repo: preset.repo.to_owned(),
        subfolder: preset.subfolder.to_owned(),
        revision: options.revision.clone(),
        commit,
        files: vec![config, weights],
    };
    origin.write(&dir)?;
    pull.convert()?;

    let found = checkpoint::inspect(&dir, false)?;
    if let Some(mismatch) = &found.mismatch {
        return Err(inspect::mismatch_error(mismatch));
    }
    let line = format!("{}: {}, {}\n", dir.display(), found.family, text::bytes(found.bytes));
    terminal::print(&line)
}

struct Pull<'a> {
    options: &'a Options,
    preset: &'a Preset,
    dir: &'a Path,
    hub: Hub,
}

impl Pull<'_> {
    /// Fetches a file of the model's folder, unless it is there; returns the commit that it is of, too.
    fn file(&self, revision: &str, name: &str, sha256: Option<&str>) -> Result<(Fetched, Option<String>), Error> {
        let path = format!("{}/{name}", self.preset.subfolder);
        let mut retries = self.retries();
        let mut remote = loop {
            match self.hub.announce(self.preset.repo, revision, &path) {
                Ok(remote) => break remote,
                Err(failure) => retries.wait(failure)?,
            }
        };
        if let Some(sha256) = sha256 {
            remote.announced.checksum = Some(Checksum::Sha256(sha256.to_owned()));
        }
        let target = self.dir.join(name);
        let fetched =
            match already_fetched(&target, &remote.announced)?.or_else(|| self.converted(name, &remote.announced)) {
                Some(fetched) => {
                    terminal::print(&format!("{name} is there already\n"))?;
                    fetched
                }
                None => self.fetch(&target, &remote)?,
            };
        Ok((fetched, remote.commit))
    }

    fn fetch(&self, target: &Path, remote: &Remote) -> Result<Fetched, Error> {
        let mut download = Download::open(target, remote.announced.clone())?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let bar = progress::bar(&name, remote.announced.size);
        bar.set_position(download.offset());
        bar.reset_eta();
        let mut retries = self.retries();
        while !download.is_full() {
            let before = download.offset();
            match self.hub.get(&remote.url, &mut download, |bytes| bar.set_position(bytes)) {
                Ok(()) => break,
                Err(failure) => {
                    if download.offset() > before {
                        retries = self.retries();
                    }
                    bar.suspend(|| retries.wait(failure))?;
                }
            }
        }
        bar.finish_and_clear();
        let fetched = download.finish()?;
        terminal::print(&format!("{name}: {}, SHA-256 {}\n", text::bytes(fetched.size), fetched.sha256))?;
        Ok(fetched)
    }

    /// The record of a `.ckpt` that was removed after its conversion.
    fn converted(&self, name: &str, announced: &Announced) -> Option<Fetched> {
        let origin = Origin::read(self.dir).ok()??;
        let fetched = origin.files.into_iter().find(|file| file.name == name)?;
        let same = announced.checksum == Some(Checksum::Sha256(fetched.sha256.clone()));
        (same && name.ends_with(".ckpt") && find_weights(self.dir).is_ok()).then_some(fetched)
    }

    fn convert(&self) -> Result<(), Error> {
        let ckpt = self.dir.join(self.preset.weights);
        if ckpt.extension().is_none_or(|extension| extension != "ckpt") || !ckpt.exists() {
            return Ok(());
        }
        let bar = progress::bar("converting", Some(0));
        let converted = checkpoint::convert(&ckpt, &self.dir.join(CONVERTED), &mut progress::follow(&bar));
        bar.finish_and_clear();
        terminal::print(&format!("{CONVERTED}: {} tensors\n", converted?.tensors))?;
        if !self.options.keep_ckpt {
            std::fs::remove_file(&ckpt).with_context(|| ckpt.display().to_string())?;
        }
        Ok(())
    }

    fn retries(&self) -> Retries {
        Retries { left: self.options.retries, delay: Duration::from_secs_f64(self.options.retry_delay) }
    }
}

/// How often, and after which pause, a request is repeated.
struct Retries {
    left: u32,
    delay: Duration,
}

impl Retries {
    /// Waits before the next request.
    ///
    /// # Errors
    /// The failure, when there is no next request.
    fn wait(&mut self, failure: Failure) -> Result<(), Error> {
        let (why, asked) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Again(why, asked) => (why, asked),
        };
        if self.left == 0 {
            return Err(Error::Unavailable(why));
        }
        self.left -= 1;
        let pause = asked.unwrap_or(self.delay);
        terminal::note(format_args!("{why}; trying again in {:.1} s", pause.as_secs_f64()));
        std::thread::sleep(pause);
        self.delay = (self.delay * 2).min(MAX_DELAY);
        Ok(())
    }
}

/// A revision, which becomes part of an address.
fn revision(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, '.', '_' and '-' only".to_owned()),
    }
}

fn sha256(text: &str) -> Result<String, String> {
    match Checksum::parse(text) {
        Some(Checksum::Sha256(sha256)) => Ok(sha256),
        _ => Err("64 hex digits".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=30.0).contains(&seconds) => Ok(seconds),
        _ => Err("0 to 30".to_owned()),
    }
}
