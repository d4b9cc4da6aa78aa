//! Progress on standard error: a bar for each job on a terminal, a few lines elsewhere.

use super::api::JobStatus;
use crate::Error;
use crate::terminal;
use domain::JobState;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Parts that a bar is divided into.
const PARTS: u64 = 1000;

/// Where there are no bars, how often a waiting job is reported.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// The progress of all jobs.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bars: MultiProgress,
    quiet: bool,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bars: MultiProgress::with_draw_target(target), quiet }
    }

    /// The progress of one job.
    pub(super) fn add(&self, name: &str) -> JobProgress {
        let style = ProgressStyle::with_template("{prefix:20!} [{bar:30}] {percent:>3}% {msg}")
            .expect("the template is a valid constant. This is a bug.")
            .progress_chars("=> ");
        let short = name.rsplit('/').next().unwrap_or_default().to_owned();
        let bar = self.bars.add(ProgressBar::new(PARTS).with_style(style).with_prefix(short).with_message("waiting"));
        bar.enable_steady_tick(Duration::from_millis(200));
        JobProgress { all: self.clone(), name: name.to_owned(), bar, warned: None, reported: Instant::now() }
    }

    /// Prints a line to standard output without disturbing the bars.
    pub(super) fn print(&self, line: &str) -> Result<(), Error> {
        self.bars.suspend(|| terminal::print(&format!("{line}\n")))
    }

    /// Prints a line to standard error without disturbing the bars.
    pub(super) fn note(&self, line: &str) {
        self.bars.suspend(|| terminal::note(line));
    }
}

/// The progress of one job.
pub(super) struct JobProgress {
    all: Progress,
    name: String,
    bar: ProgressBar,
    /// The last warning that was printed.
    warned: Option<String>,
    reported: Instant,
}

impl JobProgress {
    /// Shows a word beside the bar.
    pub(super) fn say(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    /// Shows the state of the job.
    pub(super) fn show(&mut self, job: &JobStatus) {
        self.bar.set_position((job.progress.clamp(0.0, 1.0) * PARTS as f64) as u64);
        let text = words(job);
        if job.lacks_worker() {
            self.warn("no worker is running that can do this job; it waits for one");
        }
        let is_due = self.reported.elapsed() >= REPORT_EVERY && job.status == JobState::Queued;
        if is_due && self.bar.is_hidden() && !self.all.quiet {
            self.reported = Instant::now();
            self.all.note(&format!("{}: {text}", self.name));
        }
        self.say(text);
    }

    /// Prints a warning, once.
    pub(super) fn warn(&mut self, warning: &str) {
        if self.warned.as_deref() != Some(warning) {
            self.warned = Some(warning.to_owned());
            self.all.note(&format!("{}: {warning}", self.name));
        }
    }
}

impl Drop for JobProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn words(job: &JobStatus) -> String {
    let again = if job.attempt > 1 { format!(" (attempt {})", job.attempt) } else { String::new() };
    let what = match (job.status, &job.stage, job.step, job.steps) {
        (JobState::Queued, ..) if job.lacks_worker() => "waiting for a worker".to_owned(),
        (JobState::Queued, ..) => {
            job.position.map_or_else(|| "waiting".to_owned(), |position| format!("waiting, position {position}"))
        }
        (JobState::Running, Some(stage), Some(step), Some(steps)) => format!("{stage} {step}/{steps}"),
        (JobState::Running, Some(stage), ..) => stage.clone(),
        (state, ..) => state.as_str().to_owned(),
    };
    what + &again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_words() {
        let say = |json: &str| words(&serde_json::from_str(json).unwrap());
        assert_eq!(say(r#"{"status":"queued","progress":0,"attempt":0,"position":3}"#), "waiting, position 3");
        let warned = r#"{"status":"queued","progress":0,"attempt":0,"warnings":[{"code":"no_worker","detail":"…"}]}"#;
        assert_eq!(say(warned), "waiting for a worker");
        assert_eq!(say(r#"{"status":"running","progress":0,"attempt":1}"#), "running");
        assert_eq!(
            say(r#"{"status":"running","progress":0.3,"attempt":2,"stage":"denoise","step":7,"steps":30}"#),
            "denoise 7/30 (attempt 2)"
        );
        assert_eq!(say(r#"{"status":"running","progress":0.9,"attempt":1,"stage":"surface"}"#), "surface");
    }
}
