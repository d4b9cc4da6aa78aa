//! Reading the audit log, oldest first, and following it.

use super::{Outcome, Record, streams};
use crate::Error;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis_client::Connections;
use std::time::Duration;

/// Records per stream and round trip.
const PAGE: usize = 500;

/// Selects records; absent criteria match all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// With this key.
    pub key_id: Option<String>,
    /// With this decision.
    pub outcome: Option<Outcome>,
}

impl Filter {
    fn matches(&self, record: &Record) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        same(&self.tenant, &record.tenant)
            && same(&self.key_id, &record.key_id)
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
    }
}

/// Reads both streams merged by time.
pub struct AuditReader {
    connections: Connections,
    /// A separate connection for blocking reads.
    waiting: MultiplexedConnection,
    streams: [String; 2],
    /// The last entry read of each stream.
    last: [EntryId; 2],
    filter: Filter,
}

type Page = Vec<(EntryId, Record)>;

/// The id of a stream entry: milliseconds and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EntryId(u64, u64);

impl AuditReader {
    /// Opens the log in the Redis at `redis_url` under `prefix`, from its start or from `since` ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(redis_url: &str, prefix: &str, since: Option<Duration>, filter: Filter) -> Result<Self, Error> {
        let connections = Connections::new(redis_url, 1)?;
        let from = match since {
            Some(since) => {
                let (seconds, micros): (u64, u64) = connections.command(&redis::cmd("TIME")).await?;
                let now = seconds * 1_000 + micros / 1_000;
                now.saturating_sub(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            None => 0,
        };
        let waiting = connections.blocking().await?;
        Ok(Self { connections, waiting, streams: streams(prefix), last: [EntryId(from, 0); 2], filter })
    }

    /// The next records, oldest first. At the end of the log: `None`, or with `wait`, waits for more.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn next(&mut self, wait: bool) -> Result<Option<Vec<Record>>, Error> {
        loop {
            let pages = self.pages().await?;
            if pages.iter().all(Vec::is_empty) {
                if !wait {
                    return Ok(None);
                }
                self.wait().await?;
                continue;
            }
            // Records after the end of a full page have to wait for the rest of that stream.
            let known = |page: &Page| {
                page.last().filter(|_| page.len() == PAGE).map_or(EntryId(u64::MAX, u64::MAX), |(id, _)| *id)
            };
            let until = known(&pages[0]).min(known(&pages[1]));
            let mut records = Vec::new();
            for (last, page) in self.last.iter_mut().zip(pages) {
                for (id, record) in page.into_iter().take_while(|(id, _)| *id <= until) {
                    *last = id;
                    records.push((id, record));
                }
            }
            records.sort_by_key(|(id, _)| *id);
            let records: Vec<_> =
                records.into_iter().map(|(_, record)| record).filter(|record| self.filter.matches(record)).collect();
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
    }

    async fn pages(&self) -> Result<[Page; 2], Error> {
        let mut pipeline = redis::pipe();
        for (stream, EntryId(ms, number)) in self.streams.iter().zip(self.last) {
            pipeline.xrange_count(stream, format!("({ms}-{number}"), "+", PAGE);
        }
        let replies: [StreamRangeReply; 2] = self.connections.pipeline(&pipeline).await?;
        let page = |reply: &StreamRangeReply, proven| -> Result<Page, Error> {
            reply.ids.iter().map(|entry| parse(entry, proven)).collect()
        };
        Ok([page(&replies[0], true)?, page(&replies[1], false)?])
    }

    /// Waits for further entries.
    async fn wait(&mut self) -> Result<(), Error> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(0).arg("STREAMS").arg(&self.streams);
        for EntryId(ms, number) in self.last {
            command.arg(format!("{ms}-{number}"));
        }
        let answer = command.query_async::<StreamReadReply>(&mut self.waiting).await;
        Ok(answer.map(drop).map_err(redis_client::Error::from)?)
    }
}

fn parse(entry: &StreamId, proven: bool) -> Result<(EntryId, Record), Error> {
    const CORRUPT: Error = Error::Corrupt("a record of the audit");
    let (ms, number) = entry.id.split_once('-').ok_or(CORRUPT)?;
    let id = EntryId(ms.parse().map_err(|_| CORRUPT)?, number.parse().map_err(|_| CORRUPT)?);
    let field = |name: &str| entry.get::<String>(name).ok_or(CORRUPT);
    let optional = |name: &str| Ok::<_, Error>(Some(field(name)?).filter(|text| !text.is_empty()));
    let age: u64 = field("age")?.parse().map_err(|_| CORRUPT)?;
    let record = Record {
        at_ms: id.0.saturating_sub(age),
        proven,
        tenant: optional("tenant")?,
        key_id: optional("key")?,
        operation: optional("operation")?,
        outcome: field("outcome")?.parse().map_err(|_| CORRUPT)?,
        reason: field("reason")?,
        ip: optional("ip")?,
        request_id: field("request")?,
    };
    Ok((id, record))
}
