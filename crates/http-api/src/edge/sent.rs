//! The method and target of a request as the client sent them.
//!
//! Paths are normalised and HEAD is routed as GET before a handler runs, but a signature covers what was sent.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};

/// The method and target that the client sent.
#[derive(Debug, Clone)]
pub(crate) struct SentRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

impl SentRequest {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let kept = request.extensions().get::<Self>().cloned();
        kept.unwrap_or_else(|| Self { method: request.method().clone(), uri: request.uri().clone() })
    }
}

/// Middleware that keeps them. It runs before all others.
pub(crate) async fn keep_sent<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let sent = SentRequest { method: request.method().clone(), uri: request.uri().clone() };
    request.extensions_mut().insert(sent);
    next.call(request).await
}
