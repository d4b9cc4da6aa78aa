//! Refusals that a client can read although it is still sending.
//!
//! A refusal may be known before the body of the request has arrived. Closing the connection then makes the kernel reset
//! it, and a client that sends first and reads later sees a broken pipe instead of the response. So the response is sent
//! at once, and the rest of the body is read and dropped, within bounds.

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The most bytes that are dropped for one request: a batch of the largest size with some room.
const MAX_BYTES: u64 = 96 << 20;
/// The longest time that is spent on one request.
const MAX_TIME: Duration = Duration::from_secs(30);
/// The least rate, in bytes a second. A sender that is slower has the connection closed.
const MIN_RATE: u64 = 32 << 10;
/// The time before the rate is looked at, and between two looks.
const RATE_WINDOW: Duration = Duration::from_millis(500);

/// Middleware that drains the body of a refused request. It runs outside of all that makes responses.
pub(crate) async fn drain<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Drained<B>>, Error> {
    let body = match request.take_payload() {
        Payload::None => None,
        payload => {
            let body = SharedBody(Rc::new(RefCell::new(Body { payload, ended: false })));
            request.set_payload(Payload::Stream { payload: Box::pin(body.clone()) });
            Some(body)
        }
    };
    let response = next.call(request).await?;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    let rest = body.filter(|body| refused && !body.0.borrow().ended).map(|body| Box::pin(Rest::new(body)));
    Ok(response.map_body(|_, body| Drained { body: Some(Box::pin(body)), rest }))
}

/// The body of a request, which is also read after its handler has dropped it.
#[derive(Clone)]
struct SharedBody(Rc<RefCell<Body>>);

struct Body {
    payload: Payload,
    ended: bool,
}

impl Stream for SharedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.borrow_mut();
        let piece = ready!(Pin::new(&mut body.payload).poll_next(cx));
        body.ended = !matches!(piece, Some(Ok(_)));
        Poll::Ready(piece)
    }
}

/// The unread part of a request's body, read and dropped within the bounds.
struct Rest {
    body: SharedBody,
    bytes: u64,
    /// Bytes at the last look at the rate.
    counted: u64,
    end: Instant,
    look: Pin<Box<Sleep>>,
}

impl Rest {
    fn new(body: SharedBody) -> Self {
        let now = Instant::now();
        Self { body, bytes: 0, counted: 0, end: now + MAX_TIME, look: Box::pin(sleep_until(now + RATE_WINDOW)) }
    }

    /// Ready when the body has ended or a bound is reached.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(piece) = Pin::new(&mut self.body).poll_next(cx) {
            let Some(Ok(piece)) = piece else { return Poll::Ready(()) };
            self.bytes += piece.len() as u64;
            if self.bytes > MAX_BYTES {
                return Poll::Ready(());
            }
        }
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let least = MIN_RATE * RATE_WINDOW.as_millis() as u64 / 1000;
            if now >= self.end || self.bytes - self.counted < least {
                return Poll::Ready(());
            }
            self.counted = self.bytes;
            self.look.as_mut().reset(now + RATE_WINDOW);
        }
        Poll::Pending
    }
}

/// A response body that ends when the request's body has been drained. Its length does not change, so a client that reads
/// has the whole response at once.
pub(crate) struct Drained<B> {
    body: Option<Pin<Box<B>>>,
    rest: Option<Pin<Box<Rest>>>,
}

impl<B: MessageBody> MessageBody for Drained<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.as_ref().map_or(BodySize::None, |body| body.size())
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        if let Some(body) = &mut self.body {
            let piece = ready!(body.as_mut().poll_next(cx));
            if piece.is_some() {
                return Poll::Ready(piece);
            }
            self.body = None;
        }
        if let Some(rest) = &mut self.rest {
            ready!(rest.poll(cx));
            self.rest = None;
        }
        Poll::Ready(None)
    }
}
