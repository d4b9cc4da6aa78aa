//! Who is let in: from what a request shows to a caller who may do what they ask for.
//!
//! The order is fixed: look the key up (an unknown one goes on as a decoy), verify, then, for somebody whose identity is
//! proven: from where they ask, the nonce and the rate windows, the permission. So nobody learns anything but "not you"
//! who has not proven to be somebody.

use crate::client::Client;
use crate::credentials::{Credentials, challenged};
use crate::decisions::{note_address, note_caller, note_denied, note_operation};
use crate::rate_limit::note_rate_limit;
use crate::{Problem, codes};
use access::audit::Audit;
use access::limits::{Limiter, Nonce, Refused};
use access::{AccessOptions, Caller, Candidate, Denied, Error, MasterKey, Operation, Registry};
use actix_web::{HttpRequest, web};
use domain::Class;
use ipnet::IpNet;
use signatures::{BodyDigest, Freshness, Key, Presented};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// All that is needed to let somebody in. Clones share it.
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
    /// Another master key than the registry's; a Redis that does not answer.
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

    /// The tenants.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What counts their requests and jobs.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// What is told of every decision.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The authenticator of the service that a request came to.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let authenticator = request.app_data::<web::Data<Self>>().map(|authenticator| authenticator.as_ref().clone());
        authenticator.ok_or_else(|| {
            Problem::new(&codes::INTERNAL, "Keys cannot be checked.").because("the app has no authenticator")
        })
    }

    /// Looks up whoever sent a request. A key that is borne proves itself; a signature still has to be verified.
    pub(crate) async fn attempt(&self, request: &HttpRequest) -> Result<AuthAttempt, Problem> {
        let client = Client::of(request, &self.trusted);
        note_address(request, client.address);
        let (state, nonce) = match Credentials::of(request, client)? {
            Credentials::Bearer(key) => {
                let candidate = self.registry.find_by_key(&key).await?;
                let stale = candidate.is_stale();
                let caller = candidate.verify_bearer().map_err(|denied| {
                    note_denied(request, &denied);
                    let problem = Problem::new(&codes::UNKNOWN_KEY, "The API key is not one of those let in here.");
                    challenged(request, problem.because(denied))
                })?;
                note_caller(request, &caller);
                if caller.tenant.class == Class::Agent {
                    let detail = "The key of an agent is not borne: sign the request, and send it under /api/agent.";
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
                (AuthState::Unverified(Box::new((candidate, *presented))), Some(nonce))
            }
        };
        Ok(AuthAttempt { client, state, nonce })
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
        // Without a secret everybody can tell this, so it may be said; but in its turn, after the same work.
        let fits = presented.check_body(body);
        let verified = candidate.verify_signed(|secret| presented.verify(secret, body));
        let caller = match (fits, verified) {
            (Err(malformed), _) => Err(Problem::new(&codes::MALFORMED_SIGNATURE, malformed.to_string())),
            (Ok(()), verified) => verified.map_err(|denied| {
                note_denied(request, &denied);
                not_you(denied)
            }),
        }
        .map_err(|problem| challenged(request, problem))?;
        note_caller(request, &caller);
        self.note_use(&caller, stale);
        Ok(caller)
    }

    /// Lets a proven caller do something, once.
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
            return Err(Problem::new(&codes::IP_DENIED, "Your keys are not taken from the address you ask from."));
        }
        let standing = self.limiter.admit(caller, operation, nonce).await;
        let standing = standing.map_err(|refused| challenged(request, refused.into()))?;
        note_rate_limit(request, standing);
        let needed = operation.needs();
        if !tenant.permissions.allow(needed) {
            return Err(Problem::new(&codes::PERMISSION_DENIED, format!("You need the permission {needed} for this.")));
        }
        crate::scenario::play(request, caller)
    }

    /// The note is coarse and nobody waits for it.
    fn note_use(&self, caller: &Caller, stale: bool) {
        if stale {
            let (registry, key) = (self.registry.clone(), caller.key_id.clone());
            actix_web::rt::spawn(async move {
                if let Err(error) = registry.note_use(&key).await {
                    tracing::debug!(%key, %error, "the use of a key could not be noted");
                }
            });
        }
    }
}

/// Somebody at the authenticator.
pub(crate) struct AuthAttempt {
    pub(crate) client: Client,
    pub(crate) state: AuthState,
    pub(crate) nonce: Option<Nonce>,
}

/// How far they have got.
pub(crate) enum AuthState {
    /// Their identity is proven.
    Verified(Box<Caller>),
    /// They claim to have signed the request; the body decides.
    Unverified(Box<(Candidate, Presented)>),
}

/// The one answer to all who could not prove themselves by a signature.
fn not_you(denied: Denied) -> Problem {
    Problem::new(&codes::INVALID_SIGNATURE, "The signature does not verify, or its key is not let in here.")
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
            Refused::TooFast { retry_after, standing } => {
                Self::new(&codes::TOO_FAST, "The requests of this kind came too fast.")
                    .retry_after(retry_after)
                    .with_rate_limit(&standing)
            }
            Refused::DailyQuota { quota, retry_after, standing } => {
                Self::new(&codes::DAILY_QUOTA, format!("The quota of {quota} is used up, or too little is left."))
                    .retry_after(retry_after)
                    .with_rate_limit(&standing)
            }
            refused @ Refused::NeverFits { .. } => Self::new(&codes::BEYOND_QUOTA, format!("Asked for {refused}.")),
        }
    }
}
