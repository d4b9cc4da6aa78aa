//! JSON and times as commands print them.

use crate::{Error, terminal};
use serde::Serialize;
use std::time::{Duration, UNIX_EPOCH};

/// Prints JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Error> {
    terminal::print(&json_text(value)?)
}

pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value).map_err(anyhow::Error::from)? + "\n")
}

/// `2026-11-20T09:30:00Z`, or nothing.
pub(crate) fn time(ms: Option<u64>) -> String {
    let time = ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_usual_form() {
        assert_eq!(time(Some(1_750_000_000_123)), "2025-06-15T15:06:40Z");
        assert_eq!(time(None), "");
    }
}
