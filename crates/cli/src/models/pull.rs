use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use checkpoint::{Announced, Checksum, Download, Fetched, Origin, Preset, already_fetched, find_weights};
use secrecy::SecretString;

use super::hub::{Failure, Hub, Remote};
use super::{inspect, progress, text};
use crate::Error;

/// What `orfeas models pull` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A published model (see `orfeas models list`)
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Directory to put it in. Absent: a directory of its name in the models directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Directory of the models of this machine
    #[arg(long, env = "ORFEAS_MODELS", value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Address of the hub or a mirror
    #[arg(long, env = "HF_ENDPOINT", value_name = "URL", default_value = "https://huggingface.co")]
    pub hub: String,
    /// Token for the hub, if it asks for one
    #[arg(long, env = "HF_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<SecretString>,
    /// Branch, tag or commit
    #[arg(long, default_value = "main", value_parser = revision)]
    pub revision: String,
    /// SHA-256 that the weights must have, whatever the hub says
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub sha256: Option<String>,
    /// How often to try again when nothing comes
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub retries: u32,
    /// Seconds before the first try again; they double with each
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub retry_delay: f64,
    /// Seconds after which a connection on which nothing comes is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub stall: f64,
    /// Keep the .ckpt that a model was converted from
    #[arg(long)]
    pub keep_ckpt: bool,
}

/// Longest pause between two tries.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// What `.ckpt` files are converted to.
const CONVERTED: &str = "model.fp16.safetensors";

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let preset: &Preset = options.name.parse()?;
    let dir = options.output.clone().unwrap_or_else(|| options.models.join(preset.name));
    let hub = Hub::new(&options.hub, options.token.clone(), Duration::from_secs_f64(options.stall))?;
    let pull = Pull { options, preset, dir: &dir, hub };

    let (config, commit) = pull.file("config.yaml", None)?;
    let (weights, _) = pull.file(preset.weights, options.sha256.as_deref())?;
    // Written before the conversion, so that a run that is cut off there does not fetch everything again.
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
        return Err(Error::Other(inspect::misfit(mismatch)));
    }
    println!("{}: {}, {}", dir.display(), found.family, text::bytes(found.bytes));
    Ok(())
}

struct Pull<'a> {
    options: &'a Options,
    preset: &'a Preset,
    dir: &'a Path,
    hub: Hub,
}

impl Pull<'_> {
    /// Fetches a file of the model's folder, unless it is there.
    fn file(&self, name: &str, sha256: Option<&str>) -> Result<(Fetched, Option<String>), Error> {
        let path = format!("{}/{name}", self.preset.subfolder);
        let mut patience = self.patience();
        let mut remote = loop {
            match self.hub.announce(self.preset.repo, &self.options.revision, &path) {
                Ok(remote) => break remote,
                Err(failure) => patience.wait(failure)?,
            }
        };
        if let Some(sha256) = sha256 {
            remote.announced.checksum = Some(Checksum::Sha256(sha256.to_owned()));
        }
        let target = self.dir.join(name);
        let fetched =
            match already_fetched(&target, &remote.announced)?.or_else(|| self.converted(name, &remote.announced)) {
                Some(fetched) => {
                    println!("{name} is there already");
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
        let mut patience = self.patience();
        while !download.is_full() {
            let before = download.offset();
            match self.hub.get(&remote.url, &mut download, |there| bar.set_position(there)) {
                Ok(()) => break,
                Err(failure) => {
                    if download.offset() > before {
                        patience = self.patience();
                    }
                    bar.suspend(|| patience.wait(failure))?;
                }
            }
        }
        bar.finish_and_clear();
        let fetched = download.finish()?;
        println!("{name}: {}, SHA-256 {}", text::bytes(fetched.size), fetched.sha256);
        Ok(fetched)
    }

    /// The `.ckpt` that is no longer there because it was converted.
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
        println!("{CONVERTED}: {} tensors", converted?.tensors);
        if !self.options.keep_ckpt {
            std::fs::remove_file(&ckpt).with_context(|| ckpt.display().to_string())?;
        }
        Ok(())
    }

    fn patience(&self) -> Patience {
        Patience { left: self.options.retries, delay: Duration::from_secs_f64(self.options.retry_delay) }
    }
}

/// How often, and after which pause, to try again.
struct Patience {
    left: u32,
    delay: Duration,
}

impl Patience {
    /// Waits before the next try.
    ///
    /// # Errors
    /// There is no next try.
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
        eprintln!("{why}; trying again in {:.1} s", pause.as_secs_f64());
        std::thread::sleep(pause);
        self.delay = (self.delay * 2).min(MAX_DELAY);
        Ok(())
    }
}

/// Revisions become part of an address.
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
