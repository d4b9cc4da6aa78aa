//! Charging the quotas of a day.

use super::limiter::{MEGA, day_of, until_midnight};
use super::{Limiter, Quota, RateLimitStatus, Refused};
use crate::{Caller, Error, Operation, TenantId};
use std::time::Duration;
use tokio::runtime::Handle;

/// The work that is about to be submitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Number of jobs.
    pub jobs: u32,
    /// Pixels of all their images.
    pub pixels: u64,
}

/// A charge. Dropping it returns the charge to the quotas in a background task; [`keep`](Self::keep) makes it final.
///
/// So a submission that fails, or whose client disconnects before the job is queued, is not charged.
#[derive(Debug)]
#[must_use = "dropping a receipt refunds the charge"]
pub struct Receipt {
    limiter: Limiter,
    charge: Option<Charge>,
    /// Usage of the quotas after the charge.
    pub status: RateLimitStatus,
}

#[derive(Debug, Clone)]
struct Charge {
    tenant: TenantId,
    day: u64,
    work: Work,
}

impl Receipt {
    /// Makes the charge final: the jobs are queued, or may be.
    pub fn keep(mut self) {
        self.charge = None;
    }

    /// Makes `work` of the charge final and returns the rest: of a batch that is sent again, only some jobs are new.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the rest stays charged until midnight (UTC).
    pub async fn keep_only(mut self, work: Work) -> Result<(), Error> {
        match self.charge.take() {
            Some(mut charge) => {
                charge.work.jobs = charge.work.jobs.saturating_sub(work.jobs);
                charge.work.pixels = charge.work.pixels.saturating_sub(work.pixels);
                if charge.work == Work::default() { Ok(()) } else { self.limiter.refund(&charge).await }
            }
            None => Ok(()),
        }
    }

    /// Returns the charge and waits until that is done. Has no effect after the end of the day.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the quota stays reduced until midnight (UTC).
    pub async fn refund(self) -> Result<(), Error> {
        self.keep_only(Work::default()).await
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // Without a runtime the process is ending.
        if let (Some(charge), Ok(runtime)) = (self.charge.take(), Handle::try_current()) {
            let limiter = self.limiter.clone();
            runtime.spawn(async move {
                if let Err(error) = limiter.refund(&charge).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, tenant = %charge.tenant, "a charge could not be refunded");
                }
            });
        }
    }
}

impl Limiter {
    /// Charges jobs that are about to be submitted to the tenant's day: all of them or none. The jobs of a batch also
    /// count as generate requests of the key; a single job was counted when its request was
    /// [admitted](Self::admit).
    ///
    /// The charge is made in a task of its own: if this future is dropped before it completes, the charge is refunded.
    ///
    /// # Errors
    /// [`Refused::DailyQuota`], [`Refused::TooFast`] (the window has no room for the batch), [`Refused::NeverFits`];
    /// [`Refused::Store`] if Redis is not available, in which case the charge may have been made.
    pub async fn charge(&self, caller: &Caller, operation: Operation, work: Work) -> Result<Receipt, Refused> {
        let limits = &caller.tenant.limits;
        let submissions = if operation == Operation::Batch { work.jobs } else { 0 };
        let max_pixels = limits.megapixels_per_day.saturating_mul(MEGA);
        never_fits(Quota::Jobs, work.jobs.into(), limits.jobs_per_day)?;
        if limits.megapixels_per_day > 0 && work.pixels > max_pixels {
            never_fits(Quota::Megapixels, work.pixels.div_ceil(MEGA), limits.megapixels_per_day)?;
        }
        let per_minute = u64::from(limits.requests_per_minute(Operation::Generate));
        never_fits(Quota::Submissions, submissions.into(), per_minute)?;

        let (limiter, caller) = (self.clone(), caller.clone());
        let task = tokio::spawn(async move { limiter.charge_all(&caller, submissions, work).await });
        task.await.unwrap_or_else(|error| Err(Error::Unavailable(Box::new(error)).into()))
    }

    async fn charge_all(&self, caller: &Caller, submissions: u32, work: Work) -> Result<Receipt, Refused> {
        let limits = &caller.tenant.limits;
        let mut call = self.scripts.charge.prepare_invoke();
        call.key(self.day_key(&caller.tenant.id))
            .key(self.window_key(caller, Operation::Generate))
            .arg(work.jobs)
            .arg(work.pixels)
            .arg(limits.jobs_per_day)
            .arg(limits.megapixels_per_day.saturating_mul(MEGA))
            .arg(submissions)
            .arg(limits.requests_per_minute(Operation::Generate))
            .arg(self.span_ms());
        let (verdict, now_ms, jobs, pixels, used, reset_ms): (String, u64, u64, u64, u64, u64) =
            self.connections.script_once(&call).await.map_err(Error::from)?;
        let mut policies = self.day_policies(caller, now_ms, jobs, pixels);
        if submissions > 0 {
            policies.extend(self.window_policy(caller, Operation::Generate, used, reset_ms));
        }
        let status = RateLimitStatus { at_ms: now_ms, policies };
        let exhausted = |quota, status| Refused::DailyQuota { quota, retry_after: until_midnight(now_ms), status };
        match verdict.as_str() {
            "admitted" => {
                let charge = Charge { tenant: caller.tenant.id.clone(), day: day_of(now_ms), work };
                Ok(Receipt { limiter: self.clone(), charge: Some(charge), status })
            }
            "jobs" => Err(exhausted(Quota::Jobs, status)),
            "pixels" => Err(exhausted(Quota::Megapixels, status)),
            "too_fast" => Err(Refused::TooFast { retry_after: Duration::from_millis(reset_ms), status }),
            _ => Err(Error::Corrupt("the answer of a script").into()),
        }
    }

    async fn refund(&self, charge: &Charge) -> Result<(), Error> {
        let mut call = self.scripts.refund.prepare_invoke();
        call.key(self.day_key(&charge.tenant)).arg(charge.day).arg(charge.work.jobs).arg(charge.work.pixels);
        self.connections.script_once::<u64>(&call).await?;
        Ok(())
    }
}

fn never_fits(quota: Quota, asked: u64, max: u64) -> Result<(), Refused> {
    if max > 0 && asked > max { Err(Refused::NeverFits { quota, asked, max }) } else { Ok(()) }
}
