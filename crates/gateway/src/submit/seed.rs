//! Random seeds, and the clock.

use http_api::{Problem, codes};
use ring::rand::{SecureRandom, SystemRandom};
use std::time::{SystemTime, UNIX_EPOCH};

/// A seed that JSON carries exactly everywhere: 53 random bits.
pub(super) fn draw() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Problem::new(&codes::INTERNAL, "No random seed could be generated.")
            .because("the system provides no random bytes")
    })?;
    Ok(u64::from_le_bytes(bytes) >> 11)
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
