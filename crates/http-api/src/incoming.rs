//! A request with a body: authentication may need the body, so both are taken in together.

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
use tokio::time::{Instant, timeout, timeout_at};

/// The least average rate of a body in bytes a second, after a grace of two seconds. It holds for every body: a slow one
/// occupies a connection and its memory.
const MIN_RATE: u32 = 4 << 10;
/// The time before the rate of a body is looked at.
const RATE_GRACE: Duration = Duration::from_secs(2);

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyBounds {
    /// The most bytes.
    pub max_bytes: usize,
    /// The longest time for all of it to arrive.
    pub timeout: Duration,
}

/// A request whose key has been looked up and whose body has not been read. [`read`](Self::read) is the only way to its
/// content.
pub struct IncomingRequest {
    request: HttpRequest,
    authenticator: Authenticator,
    attempt: AuthAttempt,
}

impl IncomingRequest {
    /// Whether the sender has been authenticated before the body is read: by a bearer key, or by a signature that covers a
    /// digest of the body which the head states.
    pub fn is_verified(&self) -> bool {
        !matches!(self.attempt.state, AuthState::Unverified(_))
    }

    /// Authenticates the sender, admits the operation and reads the body. A sender that [is verified](Self::is_verified)
    /// is admitted before anything is read; any other is verified with the body, which is hashed as it arrives.
    ///
    /// # Errors
    /// `body_too_large`, `body_timeout`, `bad_request` for a body that breaks off; `invalid_signature` for every sender that
    /// is not authenticated; `ip_denied`, `replayed_nonce`, `too_fast` and `permission_denied` for one that is.
    pub async fn read(
        self,
        payload: web::Payload,
        operation: Operation,
        bounds: BodyBounds,
    ) -> Result<(Caller, Bytes), Problem> {
        self.read_reserving(payload, operation, bounds, async |_| Ok(())).await
    }

    /// As [`read`](Self::read); `reserve` is called with the length of each piece before the piece is kept.
    ///
    /// # Errors
    /// As [`read`](Self::read), and those of `reserve`.
    pub async fn read_reserving(
        self,
        payload: web::Payload,
        operation: Operation,
        bounds: BodyBounds,
        reserve: impl AsyncFnMut(usize) -> Result<(), Problem>,
    ) -> Result<(Caller, Bytes), Problem> {
        let Self { request, authenticator, attempt } = self;
        let AuthAttempt { client, state, nonce } = attempt;
        match state {
            AuthState::Verified(caller) => {
                authenticator.admit(&request, client, &caller, operation, nonce).await?;
                let body = read_body(&request, payload, bounds, reserve, |_| {}).await?;
                Ok((*caller, body))
            }
            AuthState::HeadVerified(verified) => {
                let (caller, presented) = *verified;
                authenticator.admit(&request, client, &caller, operation, nonce).await?;
                let mut hasher: BodyHasher = presented.body_hasher();
                let body = read_body(&request, payload, bounds, reserve, |piece| hasher.update(piece)).await?;
                authenticator.check_body(&request, &presented, &hasher.finish())?;
                Ok((caller, body))
            }
            AuthState::Unverified(claim) => {
                let (candidate, presented) = *claim;
                let mut hasher: BodyHasher = presented.body_hasher();
                let body = read_body(&request, payload, bounds, reserve, |piece| hasher.update(piece)).await?;
                let caller = authenticator.verify(&request, candidate, &presented, &hasher.finish())?;
                authenticator.admit(&request, client, &caller, operation, nonce).await?;
                Ok((caller, body))
            }
        }
    }

    /// Authenticates the sender of a request without a body and admits the operation.
    pub(crate) async fn without_body(self, operation: Operation) -> Result<Caller, Problem> {
        let Self { request, authenticator, attempt } = self;
        let AuthAttempt { client, state, nonce } = attempt;
        let caller = match state {
            AuthState::Verified(caller) => *caller,
            AuthState::HeadVerified(verified) => {
                authenticator.check_body(&request, &verified.1, &BodyDigest::EMPTY)?;
                verified.0
            }
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
async fn read_body(
    request: &HttpRequest,
    mut payload: web::Payload,
    bounds: BodyBounds,
    mut reserve: impl AsyncFnMut(usize) -> Result<(), Problem>,
    mut each: impl FnMut(&[u8]),
) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let announced = announced.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > bounds.max_bytes {
        return Err(too_large(bounds.max_bytes));
    }
    let start = Instant::now();
    let reading = async {
        // An announced length alone reserves no more than a first piece.
        let mut body = BytesMut::with_capacity(announced.min(1 << 16));
        loop {
            // The time by which the next byte is due at the least rate.
            let due = start + RATE_GRACE + Duration::from_secs_f64((body.len() + 1) as f64 / f64::from(MIN_RATE));
            let late = |_| {
                let detail = format!("The body arrived slower than {MIN_RATE} bytes a second.");
                Problem::new(&codes::BODY_TIMEOUT, detail)
            };
            let Some(piece) = timeout_at(due, payload.next()).await.map_err(late)? else { return Ok(body.freeze()) };
            let piece = piece.map_err(|error| match error {
                PayloadError::Overflow => too_large(bounds.max_bytes),
                error => Problem::new(&codes::BAD_REQUEST, "The body broke off.").because(error.to_string()),
            })?;
            if body.len() + piece.len() > bounds.max_bytes {
                return Err(too_large(bounds.max_bytes));
            }
            reserve(piece.len()).await?;
            each(&piece);
            body.extend_from_slice(&piece);
        }
    };
    let late = |_| {
        let detail = format!("The body took longer than {} seconds.", bounds.timeout.as_secs_f64());
        Problem::new(&codes::BODY_TIMEOUT, detail)
    };
    timeout(bounds.timeout, reading).await.map_err(late)?
}

fn too_large(max: usize) -> Problem {
    Problem::new(&codes::BODY_TOO_LARGE, format!("The body is larger than {max} bytes."))
}
