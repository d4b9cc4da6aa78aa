//! Who is there to do the work.

use crate::error::Error;
use crate::queue::Queue;
use crate::worker::millis;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// A worker that has not been heard of for this long is taken to be gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// What a worker tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCard {
    /// Its name.
    pub name: String,
    /// The name of its model.
    pub model: String,
    /// SHA-256 of the model's configuration and weights: equal digests make equal shapes.
    pub model_digest: String,
    /// The model takes several views of an object.
    pub multi_view: bool,
    /// Jobs that it runs at once.
    pub seats: u32,
    /// The finest grid that it can make.
    pub max_octree_resolution: u32,
}

impl Queue {
    /// Says that a worker is alive, for the next 5 seconds. [`Worker::announce`](crate::Worker::announce) does so for as
    /// long as it lives. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn announce(&self, card: &WorkerCard) -> Result<(), Error> {
        let json = serde_json::to_string(card).map_err(Error::corrupt("a worker's card to be written"))?;
        let mut call = self.call(&self.inner.scripts.announce);
        call.arg(&card.name).arg(card.seats).arg(json).arg(millis(GONE_AFTER));
        Ok(self.inner.connections.script(&call).await?)
    }

    /// The workers that are alive, by name. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn workers(&self) -> Result<Vec<WorkerCard>, Error> {
        let pipeline = redis::pipe().cmd("TIME").hgetall(self.inner.keys.workers()).to_owned();
        type Answer = ((u64, u64), HashMap<String, String>);
        let ((seconds, micros), entries): Answer = self.inner.connections.pipeline(&pipeline).await?;
        let now = seconds * 1000 + micros / 1000;
        let mut cards = Vec::with_capacity(entries.len());
        for entry in entries.values() {
            let mut parts = entry.splitn(3, ' ');
            let at = parts.next().and_then(|at| at.parse::<u64>().ok());
            let (Some(at), Some(_seats), Some(json)) = (at, parts.next(), parts.next()) else {
                return Err(Error::Corrupt { what: "a worker's card", source: None });
            };
            if now <= at + millis(GONE_AFTER) {
                cards.push(serde_json::from_str(json).map_err(Error::corrupt("a worker's card"))?);
            }
        }
        cards.sort_by(|a: &WorkerCard, b| a.name.cmp(&b.name));
        Ok(cards)
    }
}
