//! Recording in the background.

use super::{Event, Outcome, streams};
use crate::Error;
use clap::Args;
use redis_client::{Connections, scripts};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Time for which records are collected before they are appended.
pub const GATHER: Duration = Duration::from_millis(25);

/// Capacity of the buffer; about 1 MB at 250 bytes per record.
const BUFFER: usize = 4_096;
/// Records per script, which blocks Redis while it runs.
const BATCH: usize = 256;
/// Pause between attempts while Redis is not available.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_REQUEST_ID: usize = 64;

/// Options of the audit log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Audit")]
pub struct AuditOptions {
    /// Days for which records are kept.
    #[arg(long, env = "ORFEAS_AUDIT_RETENTION_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub audit_retention_days: u32,

    /// Maximum number of records of authenticated tenants. 200000 records take about 30 MB of Redis memory.
    #[arg(long, env = "ORFEAS_AUDIT_MAX_RECORDS", default_value_t = 200_000)]
    pub audit_max_records: u64,

    /// Maximum number of records of unauthenticated requests.
    #[arg(long, env = "ORFEAS_AUDIT_MAX_STRANGERS", default_value_t = 20_000)]
    pub audit_max_strangers: u64,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { audit_retention_days: 30, audit_max_records: 200_000, audit_max_strangers: 20_000 }
    }
}

/// Records decisions. Clones share one buffer; dropping the last clone ends the task after the buffer has been appended.
#[derive(Clone)]
pub struct Audit {
    sender: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Event(Box<Event>, Instant),
    Flush(oneshot::Sender<()>),
}

scripts! {
    struct Scripts of [] {
        // Refused and retried while Redis is out of memory.
        append: writes,
    }
}

struct Appender {
    connections: Connections,
    scripts: Scripts,
    streams: [String; 2],
    options: AuditOptions,
    dropped: Arc<AtomicU64>,
    /// How many of the dropped have been recorded as a gap.
    reported: u64,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Audit {
    /// Starts to record in the Redis at `redis_url`, under keys that begin with `prefix`. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// [`Error::Redis`] when that is not the URL of a Redis server.
    pub fn start(redis_url: &str, prefix: &str, options: AuditOptions) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let dropped = Arc::new(AtomicU64::new(0));
        let appender = Appender {
            connections: Connections::new(redis_url, 1)?,
            scripts: Scripts::new(),
            streams: streams(prefix),
            options,
            dropped: Arc::clone(&dropped),
            reported: 0,
        };
        tokio::spawn(appender.run(receiver));
        Ok(Self { sender, dropped })
    }

    /// Records a decision without waiting. If the buffer is full, the record is dropped and counted.
    pub fn record(&self, event: Event) {
        if self.sender.try_send(Message::Event(Box::new(event), Instant::now())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Number of records dropped by this process.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all earlier records have been appended. Use a timeout, as Redis may not be available.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

impl Appender {
    async fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut messages, BATCH).await > 0 {
            let flushed = messages.iter().any(|message| matches!(message, Message::Flush(_)));
            if messages.len() < BATCH && !flushed {
                tokio::time::sleep(GATHER).await;
                while messages.len() < BATCH
                    && let Ok(message) = receiver.try_recv()
                {
                    messages.push(message);
                }
            }
            self.append(&messages).await;
            for message in messages.drain(..) {
                if let Message::Flush(done) = message {
                    let _ = done.send(());
                }
            }
        }
    }

    /// Appends the messages, retrying until it succeeds.
    async fn append(&mut self, messages: &[Message]) {
        let mut warned = false;
        loop {
            let dropped = self.dropped.load(Ordering::Relaxed);
            let mut call = self.scripts.append.prepare_invoke();
            call.key(&self.streams).arg(u64::from(self.options.audit_retention_days) * 86_400_000);
            call.arg(self.options.audit_max_records).arg(self.options.audit_max_strangers);
            let mut records = 0;
            if dropped > self.reported {
                let gap = (dropped - self.reported).to_string();
                for field in ["1", "", "", "", Outcome::Gap.as_str(), &gap, "", "", "0"] {
                    call.arg(field);
                }
                records += 1;
            }
            for message in messages {
                let Message::Event(event, at) = message else { continue };
                arguments(&mut call, event, at.elapsed());
                records += 1;
            }
            if records == 0 {
                return;
            }
            match self.connections.script::<u64>(&call).await {
                Ok(_) => {
                    self.reported = dropped;
                    return;
                }
                Err(error) => {
                    if !warned {
                        tracing::warn!(error = %error, "the audit cannot be written, trying again");
                        warned = true;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn arguments(call: &mut redis::ScriptInvocation<'_>, event: &Event, age: Duration) {
    let Event { proven, tenant, key_id, operation, outcome, reason, ip, request_id } = event;
    let cut = request_id.floor_char_boundary(LONGEST_REQUEST_ID);
    call.arg(if *proven { 1 } else { 2 })
        .arg(tenant.as_ref().map_or("", |tenant| tenant.as_str()))
        .arg(key_id.as_ref().map_or("", |key| key.as_str()))
        .arg(operation.map_or("", |operation| operation.as_str()))
        .arg(outcome.as_str())
        .arg(*reason)
        .arg(ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default())
        .arg(&request_id[..cut])
        .arg(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
}
