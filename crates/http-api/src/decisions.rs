//! What is decided about a request, told to the audit and to the metrics.
//!
//! The authenticator notes what it learns of whoever asks; when the request is answered, the rim adds what became of it.

use crate::{Authenticator, Problem, RequestId};
use access::audit::{Event, Outcome};
use access::{Caller, Denied, KeyId, Operation, TenantId};
use actix_web::{HttpMessage, HttpRequest, web};
use std::net::IpAddr;
use telemetry::names;

/// Who asks, as far as it is known.
#[derive(Default)]
struct AuthRecord {
    address: Option<IpAddr>,
    proven: bool,
    tenant: Option<TenantId>,
    key_id: Option<KeyId>,
    operation: Option<Operation>,
    /// Why they are not let in: more than they are told.
    denied: Option<&'static str>,
}

/// Somebody has come to the authenticator.
pub(crate) fn note_address(request: &HttpRequest, address: Option<IpAddr>) {
    note(request, |asker| asker.address = address);
}

/// They could not prove who they are.
pub(crate) fn note_denied(request: &HttpRequest, denied: &Denied) {
    note(request, |asker| {
        (asker.tenant, asker.key_id) = (denied.tenant.clone(), denied.key_id.clone());
        asker.denied = Some(denied.reason.as_str());
    });
}

/// They have proven who they are.
pub(crate) fn note_caller(request: &HttpRequest, caller: &Caller) {
    note(request, |asker| {
        (asker.tenant, asker.key_id) = (Some(caller.tenant.id.clone()), Some(caller.key_id.clone()));
        asker.proven = true;
    });
}

/// What they want to do.
pub(crate) fn note_operation(request: &HttpRequest, operation: Operation) {
    note(request, |asker| asker.operation = Some(operation));
}

fn note(request: &HttpRequest, change: impl FnOnce(&mut AuthRecord)) {
    let mut extensions = request.extensions_mut();
    let mut asker = extensions.remove::<AuthRecord>().unwrap_or_default();
    change(&mut asker);
    extensions.insert(asker);
}

/// Tells what became of a request, if it had come to the authenticator.
pub(crate) fn record_decision(request: &HttpRequest, problem: Option<&Problem>, id: Option<&RequestId>) {
    let Some(AuthRecord { address, proven, tenant, key_id, operation, denied }) = request.extensions_mut().remove()
    else {
        return;
    };
    let Some(audit) = request.app_data::<web::Data<Authenticator>>().map(|authenticator| authenticator.audit()) else {
        return;
    };
    let reason = denied.unwrap_or(problem.map_or("", |problem| problem.kind().code));
    let outcome = if problem.is_none() { Outcome::Allowed } else { Outcome::Refused };
    if proven {
        let operation = operation.map_or("", Operation::as_str);
        let labels = [("operation", operation), ("outcome", outcome.as_str()), ("reason", reason)];
        metrics::counter!(names::DECISIONS, &labels).increment(1);
    } else {
        metrics::counter!(names::AUTH_FAILURES, "reason" => reason).increment(1);
    }
    let request_id = id.map_or_else(String::new, |id| id.as_str().to_owned());
    audit.record(Event { proven, tenant, key_id, operation, outcome, reason, ip: address, request_id });
    metrics::counter!(names::AUDIT_DROPPED).absolute(audit.dropped());
}
