//! Progress on the terminal: one bar for each picture.

use super::api::Standing;
use domain::JobState;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::Path;
use std::time::Duration;

/// Parts that a bar is divided into.
const PARTS: u64 = 1000;

/// The bars of all pictures. Where there is no terminal, or none is wanted, nothing is drawn.
pub(super) struct Bars {
    all: MultiProgress,
}

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { all: MultiProgress::with_draw_target(target) }
    }

    /// A bar for a picture.
    pub(super) fn add(&self, picture: &Path) -> Bar {
        let style = ProgressStyle::with_template("{prefix:20!} [{bar:30}] {percent:>3}% {msg}")
            .expect("the template is a constant and sound. This is a bug.")
            .progress_chars("=> ");
        let name = picture.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bar = self.all.add(ProgressBar::new(PARTS).with_style(style).with_prefix(name).with_message("waiting"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }

    /// Prints a line without disturbing the bars.
    pub(super) fn line(&self, line: &str) {
        self.all.suspend(|| println!("{line}"));
    }
}

/// The bar of one picture.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Says something beside the bar.
    pub(super) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }

    /// Shows where the job stands.
    pub(super) fn show(&self, standing: &Standing) {
        self.0.set_position((standing.progress.clamp(0.0, 1.0) * PARTS as f64) as u64);
        self.say(words(standing));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn words(standing: &Standing) -> String {
    let again = if standing.attempt > 1 { format!(" (attempt {})", standing.attempt) } else { String::new() };
    let what = match (standing.status, standing.stage.as_deref()) {
        (JobState::Queued, _) => match standing.position {
            Some(position) => format!("waiting, {position} in line"),
            None => "waiting".to_owned(),
        },
        (JobState::Running, Some("denoise")) => {
            format!("denoise {}/{}", standing.step.unwrap_or(0), standing.steps.unwrap_or(0))
        }
        (JobState::Running, Some(stage)) => stage.to_owned(),
        (state, _) => state.as_str().to_owned(),
    };
    what + &again
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_standing_has_words() {
        let say = |json: &str| words(&serde_json::from_str(json).unwrap());
        assert_eq!(say(r#"{"status":"queued","progress":0,"attempt":0,"position":3}"#), "waiting, 3 in line");
        assert_eq!(say(r#"{"status":"running","progress":0,"attempt":1}"#), "running");
        assert_eq!(
            say(r#"{"status":"running","progress":0.3,"attempt":2,"stage":"denoise","step":7,"steps":30}"#),
            "denoise 7/30 (attempt 2)"
        );
        assert_eq!(say(r#"{"status":"running","progress":0.9,"attempt":1,"stage":"surface"}"#), "surface");
    }
}
