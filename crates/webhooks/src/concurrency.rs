//! Bounds on calls under way.

use redis::ScriptInvocation;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// Calls to one endpoint at once. An endpoint whose latest attempt did not succeed gets one.
pub(crate) const PER_ENDPOINT: usize = 4;
/// Calls to the endpoints of one tenant at once.
pub(crate) const PER_TENANT: usize = 8;

/// The calls of this process, by endpoint.
#[derive(Clone, Default)]
pub(crate) struct EndpointConcurrency(Arc<Mutex<Calls>>);

#[derive(Default)]
struct Calls {
    /// By tenant and endpoint.
    endpoints: HashMap<(String, String), usize>,
    /// Calls to endpoints whose latest attempt did not succeed.
    unproven: usize,
}

/// One call; dropping it ends it.
pub(crate) struct CallGuard {
    concurrency: EndpointConcurrency,
    endpoint: (String, String),
    is_proven: bool,
    _permit: OwnedSemaphorePermit,
}

impl EndpointConcurrency {
    pub(crate) fn enter(
        &self,
        tenant: &str,
        endpoint: &str,
        is_proven: bool,
        permit: OwnedSemaphorePermit,
    ) -> CallGuard {
        let endpoint = (tenant.to_owned(), endpoint.to_owned());
        let mut calls = self.calls();
        *calls.endpoints.entry(endpoint.clone()).or_default() += 1;
        calls.unproven += usize::from(!is_proven);
        CallGuard { concurrency: self.clone(), endpoint, is_proven, _permit: permit }
    }

    /// Calls to unproven endpoints.
    pub(crate) fn unproven(&self) -> usize {
        self.calls().unproven
    }

    /// Adds tenant, endpoint and number of calls of each endpoint.
    pub(crate) fn add_to(&self, call: &mut ScriptInvocation<'_>) {
        for ((tenant, endpoint), number) in &self.calls().endpoints {
            call.arg(tenant).arg(endpoint).arg(*number);
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut calls = self.concurrency.calls();
        calls.unproven -= usize::from(!self.is_proven);
        if let Some(number) = calls.endpoints.get_mut(&self.endpoint) {
            *number -= 1;
            if *number == 0 {
                calls.endpoints.remove(&self.endpoint);
            }
        }
    }
}
