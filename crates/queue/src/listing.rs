//! The jobs of a tenant, page by page.

use crate::entry::{JobEntry, StoredEntry};
use crate::error::Error;
use crate::queue::Queue;
use crate::submit::tenant;
use domain::{Class, JobState};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Most jobs of a page.
const LONGEST_PAGE: usize = 100;

/// A place in a list, to continue from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(crate) u64);

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
    /// The items of the page.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last page.
    pub next: Option<Cursor>,
}

impl Queue {
    /// The jobs that an owner has submitted in a class and that are still known, newest first, after `after`: at most
    /// `limit` of them, and at most 100. With a state, only those that are in it now. A page may hold fewer jobs than
    /// asked for, or none, and not be the last: one call looks at no more than 1,000 jobs.
    ///
    /// One round trip. A process sends one such call at a time, so that many readers do not delay submissions.
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
    ) -> Result<Page<JobEntry>, Error> {
        let mut call = self.call(&self.inner.scripts.list);
        call.arg(tenant(class, owner)).arg(state.map_or("", JobState::as_str));
        call.arg(after.map_or(String::new(), |after| after.to_string())).arg(limit.clamp(1, LONGEST_PAGE));
        let _permit = self.inner.pages.acquire().await;
        let (jobs, next): (Vec<StoredEntry>, String) = self.inner.connections.script(&call).await?;
        let items = jobs.into_iter().map(StoredEntry::read).collect::<Result<_, Error>>()?;
        Ok(Page { items, next: next.parse().ok() })
    }
}
