//! A tenant's jobs, page by page.

use crate::error::Error;
use crate::queue::Queue;
use crate::record::Fields;
use crate::submit::tenant;
use domain::{Class, JobRecord, JobState};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Most jobs that one page holds.
const LONGEST_PAGE: usize = 100;

/// A place in a list of jobs, to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(u64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
}

impl Queue {
    /// The jobs that an owner has submitted to a class (and that are still known), the newest first, after `after`; at
    /// most `limit` of them, and 100. With a state, those that are in it now. A page may be shorter than asked for, or
    /// empty, and yet not be the last: one call looks at no more than 1,000 jobs. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn jobs_of(
        &self,
        owner: &str,
        class: Class,
        state: Option<JobState>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<JobRecord>, Error> {
        let mut call = self.call(&self.inner.scripts.list);
        call.arg(tenant(class, owner)).arg(state.map_or("", JobState::as_str));
        call.arg(after.map_or(String::new(), |after| after.to_string())).arg(limit.clamp(1, LONGEST_PAGE));
        let (jobs, next): (Vec<Fields>, String) = self.inner.connections.script(&call).await?;
        let items = jobs.iter().filter_map(|fields| fields.record().transpose()).collect::<Result<_, Error>>()?;
        Ok(Page { items, next: next.parse().ok() })
    }
}
