//! A request that brings a body: its sender is proven by the body too, so both are taken in together.

use crate::authentication::{AuthAttempt, AuthState, Authenticator};
use crate::{Problem, codes};
use access::{Caller, Operation};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use signatures::{BodyDigest, BodyHasher};
use std::time::Duration;

/// How much a body may be, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyBounds {
    /// Most bytes.
    pub max_bytes: usize,
    /// Time for it to arrive whole.
    pub timeout: Duration,
}

/// A request whose sender was looked up and whose body has not been read. Without [`read`](Self::read) nothing of it
/// can be used.
pub struct IncomingRequest {
    request: HttpRequest,
    authenticator: Authenticator,
    attempt: AuthAttempt,
}

impl IncomingRequest {
    /// Reads the body and lets its sender in, to do `operation`. Whoever bears a key is let in or refused before
    /// anything is read; who signs, when the body is there, which is hashed as it comes and held once.
    ///
    /// # Errors
    /// `body_too_large`, `body_timeout`, `bad_request` for a body that breaks off; `invalid_signature` for everybody who
    /// could not prove themselves; `ip_denied`, `replayed_nonce`, `too_fast` and `permission_denied` for those who could.
    pub async fn read(
        self,
        payload: web::Payload,
        operation: Operation,
        bounds: BodyBounds,
    ) -> Result<(Caller, Bytes), Problem> {
        let Self { request, authenticator, attempt } = self;
        let AuthAttempt { client, state, nonce } = attempt;
        match state {
            AuthState::Verified(caller) => {
                authenticator.admit(&request, client, &caller, operation, nonce).await?;
                let body = body(&request, payload, bounds, |_| {}).await?;
                Ok((*caller, body))
            }
            AuthState::Unverified(claim) => {
                let (candidate, presented) = *claim;
                let mut hasher: BodyHasher = presented.body_hasher();
                let body = body(&request, payload, bounds, |piece| hasher.update(piece)).await?;
                let caller = authenticator.verify(&request, candidate, &presented, &hasher.finish())?;
                authenticator.admit(&request, client, &caller, operation, nonce).await?;
                Ok((caller, body))
            }
        }
    }

    /// Lets the sender of a request in that has no body.
    pub(crate) async fn without_body(self, operation: Operation) -> Result<Caller, Problem> {
        let Self { request, authenticator, attempt } = self;
        let AuthAttempt { client, state, nonce } = attempt;
        let caller = match state {
            AuthState::Verified(caller) => *caller,
            AuthState::Unverified(claim) => authenticator.verify(&request, claim.0, &claim.1, &BodyDigest::EMPTY)?,
        };
        authenticator.admit(&request, client, &caller, operation, nonce).await?;
        Ok(caller)
    }
}

impl FromRequest for IncomingRequest {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let authenticator = Authenticator::of(&request)?;
            let attempt = authenticator.attempt(&request).await?;
            Ok(Self { request, authenticator, attempt })
        })
    }
}

/// All of a body, within its bounds; `each` sees every piece.
async fn body(
    request: &HttpRequest,
    mut payload: web::Payload,
    bounds: BodyBounds,
    mut each: impl FnMut(&[u8]),
) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let announced = announced.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > bounds.max_bytes {
        return Err(too_large(bounds.max_bytes));
    }
    let reading = async {
        // No more than a first piece is set aside for what is only announced.
        let mut whole = BytesMut::with_capacity(announced.min(1 << 16));
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|error| match error {
                PayloadError::Overflow => too_large(bounds.max_bytes),
                error => Problem::new(&codes::BAD_REQUEST, "The body broke off.").because(error.to_string()),
            })?;
            if whole.len() + piece.len() > bounds.max_bytes {
                return Err(too_large(bounds.max_bytes));
            }
            each(&piece);
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    let late = |_| {
        let detail = format!("The body took longer than {} seconds.", bounds.timeout.as_secs_f64());
        Problem::new(&codes::BODY_TIMEOUT, detail)
    };
    tokio::time::timeout(bounds.timeout, reading).await.map_err(late)?
}

fn too_large(most: usize) -> Problem {
    Problem::new(&codes::BODY_TOO_LARGE, format!("The body is larger than {most} bytes."))
}
