//! Authentication and admission: from the credentials of a request to a caller that may do what it asks for.
//!
//! The order is fixed: look the key up (a decoy stands in for an unknown one), verify, and then, for an authenticated
//! caller only: address, nonce and rate limits, permission. An unauthenticated sender gets one uniform error and learns
//! nothing else.

use crate::client::Client;
use crate::credentials::{Credentials, challenged};
use crate::decisions::{note_address, note_caller, note_denied, note_operation};
use crate::rate_limit::note_rate_limit;
use crate::{Problem, codes};
use access::audit::Audit;
use access::limits::{Limiter, Nonce, Refused};
use access::{AccessOptions, Caller, Candidate, Denied, Error, MasterKey, Operation, Registry};
use actix_web::http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use actix_web::{HttpRequest, web};
use domain::Class;
use ipnet::IpNet;
use signatures::{BodyDigest, Freshness, Key, Presented};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Authenticates and admits requests. Clones share their state.
#[derive(Clone, Debug)]
pub struct Authenticator {
    registry: Registry,
    limiter: Limiter,
    audit: Audit,
    trusted: Arc<[IpNet]>,
    freshness: Freshness,
}

impl Authenticator {
    /// Opens the registry in the Redis at `redis_url`, under keys that begin with `prefix`.
    ///
    /// # Errors
    /// A master key that is not the registry's; a Redis that does not answer.
    pub async fn open(
        options: &AccessOptions,
        master: &MasterKey,
        redis_url: &str,
        prefix: &str,
    ) -> Result<Self, Error> {
        let registry = Registry::connect(redis_url, prefix, master, options.defaults()).await?;
        let limiter = registry.limiter();
        let audit = Audit::start(redis_url, prefix, options.audit.clone())?;
        let trusted = options.trusted_proxies.clone().into();
        Ok(Self { registry, limiter, audit, trusted, freshness: Freshness::default() })
    }

    /// The registry of tenants and keys.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The limiter of requests and jobs.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The audit log of decisions.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The authenticator of the service that handles a request.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let authenticator = request.app_data::<web::Data<Self>>().map(|data| data.as_ref().clone());
        authenticator.ok_or_else(|| {
            Problem::new(&codes::INTERNAL, "Keys cannot be checked.").because("the app has no authenticator")
        })
    }

    /// Looks up the key of a request and verifies all that can be verified without its body.
    pub(crate) async fn attempt(&self, request: &HttpRequest) -> Result<AuthAttempt, Problem> {
        let client = Client::of(request, &self.trusted);
        note_address(request, client.address);
        let (state, nonce) = match Credentials::of(request, client)? {
            Credentials::Bearer(key) => {
                let candidate = self.registry.find_by_key(&key).await?;
                let stale = candidate.is_stale();
                let caller = candidate.verify_bearer().map_err(|denied| {
                    note_denied(request, &denied);
                    let problem = Problem::new(&codes::UNKNOWN_KEY, "The API key is not valid here.");
                    challenged(request, problem.because(denied))
                })?;
                note_caller(request, &caller);
                if caller.tenant.class == Class::Agent {
                    let detail = "An agent's key is not accepted as a bearer token: sign the request, and send it to /api/agent.";
                    return Err(Problem::new(&codes::WRONG_API, detail));
                }
                self.note_use(&caller, stale);
                (AuthState::Verified(Box::new(caller)), None)
            }
            Credentials::Signed(presented) => {
                presented
                    .check_fresh(self.freshness, now_s())
                    .map_err(|stale| challenged(request, Problem::new(&codes::STALE_TIMESTAMP, stale.to_string())))?;
                let candidate = match &presented.key {
                    Key::ApiKey(key) => self.registry.find_by_key(key).await?,
                    Key::Id(id) => self.registry.find_by_key_id(id).await?,
                };
                let signed = i64::try_from(presented.created).unwrap_or(i64::MAX);
                let nonce = Nonce::new(presented.nonce.as_bytes(), signed);
                (self.signed_state(request, candidate, *presented)?, Some(nonce))
            }
        };
        Ok(AuthAttempt { client, state, nonce })
    }

    /// Verifies a signature now if its message is known from the head, or if there will be no body.
    fn signed_state(
        &self,
        request: &HttpRequest,
        candidate: Candidate,
        presented: Presented,
    ) -> Result<AuthState, Problem> {
        if presented.verifies_without_body() {
            let stale = candidate.is_stale();
            let verified = candidate.verify_signed(|secret| presented.verify_head(secret));
            let caller = self.accept(request, verified, stale)?;
            return Ok(AuthState::HeadVerified(Box::new((caller, presented))));
        }
        if has_body(request) {
            return Ok(AuthState::Unverified(Box::new((candidate, presented))));
        }
        Ok(AuthState::Verified(Box::new(self.verify(request, candidate, &presented, &BodyDigest::EMPTY)?)))
    }

    /// Verifies a signature over a body.
    pub(crate) fn verify(
        &self,
        request: &HttpRequest,
        candidate: Candidate,
        presented: &Presented,
        body: &BodyDigest,
    ) -> Result<Caller, Problem> {
        let stale = candidate.is_stale();
        // Verified first, so that the time does not depend on whether the body matches.
        let verified = candidate.verify_signed(|secret| presented.verify(secret, body));
        self.check_body(request, presented, body)?;
        self.accept(request, verified, stale)
    }

    /// Compares a body with the digest that a signed head states. That needs no secret, so the response may name the difference.
    pub(crate) fn check_body(
        &self,
        request: &HttpRequest,
        presented: &Presented,
        body: &BodyDigest,
    ) -> Result<(), Problem> {
        let malformed = |malformed: signatures::Malformed| {
            challenged(request, Problem::new(&codes::MALFORMED_SIGNATURE, malformed.to_string()))
        };
        presented.check_body(body).map_err(malformed)
    }

    fn accept(&self, request: &HttpRequest, verified: Result<Caller, Denied>, stale: bool) -> Result<Caller, Problem> {
        let caller = verified.map_err(|denied| {
            note_denied(request, &denied);
            challenged(request, invalid_signature(denied))
        })?;
        note_caller(request, &caller);
        self.note_use(&caller, stale);
        Ok(caller)
    }

    /// Admits an authenticated caller to an operation, once.
    pub(crate) async fn admit(
        &self,
        request: &HttpRequest,
        client: Client,
        caller: &Caller,
        operation: Operation,
        nonce: Option<Nonce>,
    ) -> Result<(), Problem> {
        tracing::Span::current().record("caller", caller.tenant.id.as_str());
        note_operation(request, operation);
        let tenant = &caller.tenant;
        if !client.address.map_or(tenant.allow.is_empty(), |address| tenant.may_ask_from(address)) {
            return Err(Problem::new(&codes::IP_DENIED, "Your keys are not accepted from this address."));
        }
        let status = self.limiter.admit(caller, operation, nonce).await;
        let status = status.map_err(|refused| challenged(request, refused.into()))?;
        note_rate_limit(request, status);
        let needed = operation.needs();
        if !tenant.permissions.allow(needed) {
            return Err(Problem::new(&codes::PERMISSION_DENIED, format!("You need the permission {needed} for this.")));
        }
        crate::scenario::simulate_problem(request, caller)
    }

    /// Records that a key was used, in the background: the time is coarse and no request waits for it.
    fn note_use(&self, caller: &Caller, stale: bool) {
        if stale {
            let (registry, key) = (self.registry.clone(), caller.key_id.clone());
            actix_web::rt::spawn(async move {
                if let Err(error) = registry.note_use(&key).await {
                    tracing::debug!(%key, %error, "the use of a key could not be recorded");
                }
            });
        }
    }
}

/// An authentication that may not be complete.
pub(crate) struct AuthAttempt {
    pub(crate) client: Client,
    pub(crate) state: AuthState,
    pub(crate) nonce: Option<Nonce>,
}

/// How far it has come.
pub(crate) enum AuthState {
    /// The sender is authenticated.
    Verified(Box<Caller>),
    /// The sender is authenticated; the body must match the digest that the signed head states.
    HeadVerified(Box<(Caller, Presented)>),
    /// The signature covers the body, which has not been read.
    Unverified(Box<(Candidate, Presented)>),
}

/// Whether the head announces a body (RFC 9112, section 6.3).
fn has_body(request: &HttpRequest) -> bool {
    let length = request.headers().get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    request.headers().contains_key(TRANSFER_ENCODING) || !matches!(length, None | Some(b"0"))
}

/// The one response to every sender that a signature does not authenticate.
fn invalid_signature(denied: Denied) -> Problem {
    Problem::new(&codes::INVALID_SIGNATURE, "The signature does not verify, or its key is not valid here.")
        .because(denied)
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Replayed => Self::new(&codes::REPLAYED_NONCE, "A request with this nonce was answered before."),
            Refused::Stale => {
                Self::new(&codes::STALE_TIMESTAMP, "The signature's time is too far from the server's clock.")
            }
            Refused::Store(error) => error.into(),
            Refused::TooFast { retry_after, status } => {
                Self::new(&codes::TOO_FAST, "The requests of this kind came too fast.")
                    .retry_after(retry_after)
                    .with_rate_limit(&status)
            }
            Refused::DailyQuota { quota, retry_after, status } => {
                Self::new(&codes::DAILY_QUOTA, format!("The quota of {quota} is used up, or too little is left."))
                    .retry_after(retry_after)
                    .with_rate_limit(&status)
            }
            refused @ Refused::NeverFits { .. } => Self::new(&codes::BEYOND_QUOTA, format!("{refused}.")),
        }
    }
}
