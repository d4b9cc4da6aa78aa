//! What came of a run, and whether every promise was kept.

use super::client::{Jobs, Seen};
use super::fault::Fault;
use super::installation::Installation;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Faults injected, by kind.
    faults: BTreeMap<String, usize>,
    /// Jobs accepted.
    pub accepted: usize,
    /// Jobs that succeeded.
    pub succeeded: usize,
    /// Jobs by number of attempts.
    attempts: BTreeMap<u64, usize>,
    /// Seconds from the kill of a worker to the next dispatch of its jobs, sorted.
    pub redispatch: Vec<f64>,
    /// Seconds from submission to the end, sorted.
    seconds: Vec<f64>,
    retried: BTreeMap<String, usize>,
    /// Everything that broke a promise.
    pub broken: Vec<String>,
}

impl Report {
    pub(super) async fn new(installation: &Installation, faults: Vec<(Fault, u64)>, jobs: Jobs) -> Self {
        let Jobs { seen, given_up, retried } = jobs;
        let mut report = Self { accepted: seen.len(), retried, broken: given_up, ..Self::default() };
        for (fault, _) in &faults {
            *report.faults.entry(format!("{fault:?}")).or_default() += 1;
        }
        let mut ids = BTreeSet::new();
        let mut meshes: HashMap<String, String> = HashMap::new();
        for job in &seen {
            report.job(job, &faults, &mut meshes);
            if !ids.insert(&job.id) {
                report.broken.push(format!("{}: another key was given the same job {}", job.key, job.id));
            }
        }
        report.compare(installation, ids.len()).await;
        report.redispatch.sort_by(f64::total_cmp);
        report.seconds.sort_by(f64::total_cmp);
        report
    }

    fn job(&mut self, job: &Seen, faults: &[(Fault, u64)], meshes: &mut HashMap<String, String>) {
        *self.attempts.entry(job.attempt).or_default() += 1;
        self.seconds.push(job.seconds);
        if job.state == "succeeded" {
            self.succeeded += 1;
        } else {
            self.broken.push(format!("{}: {} {:?} {:?}", job.id, job.state, job.failure, job.moves));
        }
        if job.ends != 1 {
            self.broken.push(format!("{}: {} terminal events", job.id, job.ends));
        }
        if job.state == "succeeded" && !job.is_whole {
            self.broken.push(format!("{}: the download is not the file that was announced", job.id));
        }
        if let Some((made_from, digest)) = &job.mesh
            && meshes.entry(made_from.clone()).or_insert_with(|| digest.clone()) != digest
        {
            self.broken.push(format!("{}: {made_from} has given two different files", job.id));
        }
        let lost = |failure: &Option<String>| failure.as_deref() == Some("worker_lost");
        for (at, (_, _, lost_at, _)) in job.moves.iter().enumerate().filter(|(_, (.., failure))| lost(failure)) {
            let Some((fault, killed)) = faults.iter().rfind(|(_, when)| when <= lost_at) else { continue };
            match (fault, job.moves.get(at + 1)) {
                (Fault::KillWorker, Some((_, _, again, _))) => {
                    self.redispatch.push(again.saturating_sub(*killed) as f64 / 1000.0);
                }
                (Fault::KillRedis | Fault::StopRedis, _)
                    if *lost_at < killed + 60_000 && !preceded(faults, *killed) =>
                {
                    self.broken.push(format!("{}: worker_lost after {fault:?}", job.id));
                }
                _ => {}
            }
        }
    }

    /// The installation knows as many jobs as were accepted: none lost, none made twice.
    async fn compare(&mut self, installation: &Installation, accepted: usize) {
        let (mut known, mut cursor) = (0, String::new());
        loop {
            let url = format!("{}/api/v1/jobs?limit=100{cursor}", installation.urls[0]);
            let answer = reqwest::Client::new().get(url).bearer_auth(&installation.key).send().await;
            let Ok(answer) = answer else { return self.broken.push("the jobs could not be listed".to_owned()) };
            let bytes = answer.bytes().await.unwrap_or_default();
            let page: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            known += page["jobs"].as_array().map_or(0, Vec::len);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        if known != accepted {
            self.broken.push(format!("{accepted} jobs were accepted, and the installation knows {known}"));
        }
    }
}

/// Whether a worker was killed or stopped within the 40 s before: its jobs may be noticed as lost only after the outage.
fn preceded(faults: &[(Fault, u64)], at: u64) -> bool {
    let is_of_worker = |fault: &Fault| matches!(fault, Fault::KillWorker | Fault::StopWorker | Fault::RestartWorker);
    faults.iter().any(|(fault, when)| is_of_worker(fault) && *when <= at && at - when < 40_000)
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * q).round() as usize).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = |v: &[f64]| {
            format!("median {:.1}, p90 {:.1}, worst {:.1}", quantile(v, 0.5), quantile(v, 0.9), quantile(v, 1.0))
        };
        writeln!(f, "faults: {:?}", self.faults)?;
        writeln!(f, "accepted {}, succeeded {}, by attempts {:?}", self.accepted, self.succeeded, self.attempts)?;
        writeln!(f, "re-dispatch after kill -9 ({} jobs): {} s", self.redispatch.len(), spread(&self.redispatch))?;
        writeln!(f, "submission to end: {} s", spread(&self.seconds))?;
        writeln!(f, "retried answers: {:?}", self.retried)?;
        writeln!(f, "broken promises: {}", self.broken.len())?;
        self.broken.iter().take(50).try_for_each(|line| writeln!(f, "  {line}"))
    }
}
