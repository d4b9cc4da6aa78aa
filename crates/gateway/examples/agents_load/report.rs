//! The measurements against their bars.

use crate::agent::{Answer, Kind, Log};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The least share of requests with the expected response.
const SHARE: f64 = 0.999;
/// The longest 99th percentile of submissions.
const P99: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Report {
    requests: usize,
    kept: usize,
    answers: BTreeMap<(u16, String), usize>,
    /// How long accepted submissions took, shortest first.
    times: Vec<Duration>,
    greedy: Vec<Greedy>,
    per_minute: usize,
    /// The number of requests of a greedy agent that should be accepted.
    due: usize,
}

struct Greedy {
    accepted: usize,
    refused: usize,
    /// Most accepted that certainly lie within 60 s.
    most: usize,
}

impl Report {
    pub(crate) fn of(logs: Vec<Log>, per_minute: u32, time: Duration) -> Self {
        let per_minute = per_minute as usize;
        let mut report = Self {
            requests: 0,
            kept: 0,
            answers: BTreeMap::new(),
            times: Vec::new(),
            greedy: Vec::new(),
            per_minute,
            due: per_minute * usize::try_from(time.as_secs().div_ceil(60)).unwrap(),
        };
        for log in logs {
            for answer in &log.answers {
                report.requests += 1;
                report.kept += usize::from(is_kept(log.kind, answer));
                *report.answers.entry((answer.status, answer.code.clone())).or_default() += 1;
                if answer.status == 202 {
                    report.times.push(answer.took);
                }
            }
            if log.kind == Kind::Greedy {
                let accepted: Vec<_> = log.answers.iter().filter(|answer| answer.status == 202).collect();
                let refused = log.answers.len() - accepted.len();
                report.greedy.push(Greedy { accepted: accepted.len(), refused, most: most_in_a_minute(&accepted) });
            }
        }
        report.times.sort_unstable();
        report
    }

    /// Whether every bar is met.
    pub(crate) fn is_kept(&self) -> bool {
        let exact = |agent: &Greedy| agent.most <= self.per_minute && agent.accepted.abs_diff(self.due) <= 1;
        self.share() >= SHARE && self.time(0.99) <= P99 && self.greedy.iter().all(exact)
    }

    fn share(&self) -> f64 {
        self.kept as f64 / self.requests.max(1) as f64
    }

    fn time(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((last as f64 * share).round() as usize).copied().unwrap_or(Duration::MAX)
    }
}

/// Whether a response is as expected: accepted, or, for a greedy agent, refused with `too_fast`.
fn is_kept(kind: Kind, answer: &Answer) -> bool {
    match answer.status {
        202 => answer.code.is_empty(),
        429 => {
            kind == Kind::Greedy
                && answer.code == "too_fast"
                && answer.retry_after.is_some_and(|s| (1..=61).contains(&s))
        }
        _ => false,
    }
}

/// Most that were sent and answered within 60 s. When a gateway counted each lies in between, so more than the limit
/// proves that the limit was not kept.
fn most_in_a_minute(accepted: &[&Answer]) -> usize {
    let mut most = 0;
    for (first, answer) in accepted.iter().enumerate() {
        let within = accepted[first..].iter().take_while(|later| later.sent + later.took <= answer.sent + MINUTE);
        most = most.max(within.count());
    }
    most
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        writeln!(f, "as promised   {:.3} % of {} (bar: {} %)", self.share() * 100.0, self.requests, SHARE * 100.0)?;
        writeln!(
            f,
            "submit        p50 {:.1} ms, p99 {:.1} ms (bar: {} ms), p99.9 {:.1} ms, longest {:.1} ms",
            ms(self.time(0.5)),
            ms(self.time(0.99)),
            P99.as_millis(),
            ms(self.time(0.999)),
            ms(self.time(1.0))
        )?;
        for ((status, code), count) in &self.answers {
            writeln!(f, "answers       {count} × {status} {code}")?;
        }
        for agent in &self.greedy {
            let Greedy { accepted, refused, most } = agent;
            writeln!(
                f,
                "greedy        {accepted} accepted of {} due, {refused} refused, at most {most} in 60 s",
                self.due
            )?;
        }
        writeln!(f, "all bars      {}", if self.is_kept() { "held" } else { "NOT held" })
    }
}
