//! The job that a path names, if it belongs to the caller.

use crate::names::namespace;
use crate::{Authenticated, CanQuery, JobPath, Problem, RequiredOperation, codes};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::JobRecord;
use futures_util::future::LocalBoxFuture;
use queue::{JobEntry, Queue};
use std::marker::PhantomData;

/// The job that the path of a request names, with its position, for an authenticated caller with the permission for the
/// operation of the handler. Its record may be unreadable.
///
/// The problem is `job_not_found` if there is no such job or another tenant owns it; the two cannot be distinguished.
pub struct OwnJob<P = CanQuery>(pub JobEntry, PhantomData<P>);

impl<P> OwnJob<P> {
    /// Its record.
    ///
    /// # Errors
    /// `job_unreadable`.
    pub fn record(self) -> Result<JobRecord, Problem> {
        Ok(self.0.record.map_err(queue::Error::from)?)
    }
}

impl<P: RequiredOperation> FromRequest for OwnJob<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (caller, path) =
            (Authenticated::<P>::from_request(request, payload), JobPath::from_request(request, payload));
        let queue = request.app_data::<web::Data<Queue>>().cloned();
        Box::pin(async move {
            let (caller, path) = (caller.await?, path.await?);
            let queue = queue.ok_or_else(|| Problem::new(&codes::INTERNAL, "This service has no queue."))?;
            for id in path.ids(&namespace(caller.caller())) {
                if let Some(entry) = queue.entry(id).await?.filter(|entry| owner(entry) == caller.owner()) {
                    return Ok(Self(entry, PhantomData));
                }
            }
            Err(not_found())
        })
    }
}

fn owner(entry: &JobEntry) -> &str {
    match &entry.record {
        Ok(record) => &record.job.owner,
        Err(unreadable) => &unreadable.owner,
    }
}

/// The response for a job that does not exist for the caller.
pub(crate) fn not_found() -> Problem {
    Problem::new(&codes::JOB_NOT_FOUND, "You have no job of this id.")
}
