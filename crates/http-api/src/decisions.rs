//! Records each authentication and admission decision in the audit log and the metrics.
//!
//! The authenticator notes what it learns about the sender of a request; the middleware adds the outcome.

use crate::{Authenticator, Problem, RequestId};
use access::audit::{Event, Outcome};
use access::{Caller, Denied, KeyId, Operation, TenantId};
use actix_web::{HttpMessage, HttpRequest, web};
use std::net::IpAddr;
use telemetry::names;

/// The sender of a request, as far as it is known.
#[derive(Default)]
struct AuthRecord {
    address: Option<IpAddr>,
    proven: bool,
    tenant: Option<TenantId>,
    key_id: Option<KeyId>,
    operation: Option<Operation>,
    /// Why authentication failed. Not part of the response.
    denied: Option<&'static str>,
}

/// Notes the client's address.
pub(crate) fn note_address(request: &HttpRequest, address: Option<IpAddr>) {
    note(request, |record| record.address = address);
}

/// Notes a failed authentication.
pub(crate) fn note_denied(request: &HttpRequest, denied: &Denied) {
    note(request, |record| {
        (record.tenant, record.key_id) = (denied.tenant.clone(), denied.key_id.clone());
        record.denied = Some(denied.reason.as_str());
    });
}

/// Notes an authenticated caller.
pub(crate) fn note_caller(request: &HttpRequest, caller: &Caller) {
    note(request, |record| {
        (record.tenant, record.key_id) = (Some(caller.tenant.id.clone()), Some(caller.key_id.clone()));
        record.proven = true;
    });
}

/// Notes the requested operation.
pub(crate) fn note_operation(request: &HttpRequest, operation: Operation) {
    note(request, |record| record.operation = Some(operation));
}

fn note(request: &HttpRequest, change: impl FnOnce(&mut AuthRecord)) {
    let mut extensions = request.extensions_mut();
    let mut record = extensions.remove::<AuthRecord>().unwrap_or_default();
    change(&mut record);
    extensions.insert(record);
}

/// Records the outcome of a request that reached the authenticator.
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
