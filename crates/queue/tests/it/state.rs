//! A snapshot of all keys after typical operations.

use crate::world::{LONG, World, failure, job, result, take};
use domain::{Job, Progress};
use queue::LeaseOptions;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Value};
use std::fmt::Write;

/// Every key with its content. Ids and times are replaced by placeholders.
async fn dump(raw: &mut MultiplexedConnection, jobs: &[Job]) -> String {
    let mut keys: Vec<String> = raw.keys("*").await.unwrap();
    keys.sort();
    let mut text = String::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(raw).await.unwrap();
        let ttl: i64 = raw.ttl(&key).await.unwrap();
        let ttl = if ttl < 0 { String::new() } else { format!(", gone in about {} s", (ttl + 5) / 10 * 10) };
        writeln!(text, "{key} ({kind}{ttl})").unwrap();
        let mut lines: Vec<String> = match kind.as_str() {
            "hash" => {
                let fields: Vec<(String, String)> = raw.hgetall(&key).await.unwrap();
                fields.into_iter().map(|(name, value)| format!("{name} = {value}")).collect()
            }
            "zset" => {
                let members: Vec<(String, String)> = raw.zrange_withscores(&key, 0, -1).await.unwrap();
                members.into_iter().map(|(member, score)| format!("{score}: {member}")).collect()
            }
            _ => {
                let entries: Vec<(String, Vec<String>)> = raw.xrange_all(&key).await.unwrap();
                let mut lines: Vec<_> =
                    entries.into_iter().map(|(id, fields)| format!("{id}: {}", fields.join(" "))).collect();
                let mut pending = redis::cmd("XPENDING");
                // Streams without a group answer with an error.
                if let Ok(Value::Array(summary)) = pending.arg(&key).arg("workers").query_async::<Value>(raw).await {
                    lines.push(format!("pending: {:?}", summary[0]));
                }
                lines
            }
        };
        if kind == "hash" {
            lines.sort();
        }
        lines.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
    }
    for (n, job) in jobs.iter().enumerate() {
        text = text.replace(&job.id.to_string(), &format!("<job {}>", n + 1));
    }
    mask(&text)
}

/// Replaces current times and the ids of stream entries by `<ms>`.
fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        masked.push_str(before);
        let is_now = digits.len() == 13 && digits > "1750000000000";
        masked.push_str(if is_now { "<ms>" } else { digits });
        // The number of an entry within its millisecond is not deterministic either.
        rest = match after.strip_prefix('-').filter(|_| is_now) {
            Some(number) => number.trim_start_matches(|c: char| c.is_ascii_digit()),
            None => after,
        };
    }
    masked.push_str(rest);
    masked
}

#[tokio::test]
async fn state_after_typical_moves() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let options = LeaseOptions { lease: LONG, max_attempts: 1 };
    let worker = world.queue.worker(crate::world::worker_info(), options).await.unwrap();
    // Random values and run times.
    let hide = |text: String| {
        let text = text.replace(worker.name().trim_start_matches("w-"), "<random>");
        let hide_value = |line: &str| match line.split_once(" = ") {
            Some((name @ ("  token" | "  ended"), _)) => format!("{name} = <token>\n"),
            Some((name, _)) if name.starts_with("  pace:") => format!("{name} = <ms>\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(hide_value).collect::<String>()
    };
    let mut jobs: Vec<Job> = (0..6).map(|_| job()).collect();
    jobs[5].traceparent = None;

    for job in &jobs {
        world.queue.submit(&job.clone().into()).await.unwrap();
    }
    let succeeded = take(&worker).await;
    succeeded.progress(&Progress::stage("export")).await.unwrap();
    succeeded.succeed(&result()).await.unwrap();
    take(&worker).await.fail(&failure(true)).await.unwrap();
    let running = take(&worker).await;
    running.progress(&Progress::steps("denoise", 2, 30)).await.unwrap();
    world.queue.cancel(jobs[2].id).await.unwrap();
    take(&worker).await.release().await.unwrap();
    world.queue.cancel(jobs[4].id).await.unwrap();

    insta::assert_snapshot!(hide(dump(&mut raw, &jobs).await));
}
