//! Responses compressed with gzip, where the client accepts it and it is worth the time.

use actix_http::encoding::Encoder;
use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, AcceptEncoding, CONTENT_TYPE, ContentEncoding, ETAG, Encoding, Header, HeaderMap, HeaderValue,
    RANGE, VARY,
};
use actix_web::middleware::Next;

/// Bodies below this size are sent as they are: headers would outweigh what is saved.
const MIN_BYTES: u64 = 1024;

/// The media types that gzip makes smaller, beside all of `model/`. PNG is compressed already; event streams are sent event
/// by event.
const COMPRESSIBLE: [&str; 3] = ["application/json", "text/html", "text/plain"];

/// Middleware that compresses. Ranges are of the file itself, so a request for one is answered uncompressed.
pub(crate) async fn compress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, Encoder<B>>>, Error> {
    let accepted = !request.headers().contains_key(RANGE)
        && AcceptEncoding::parse(&request).is_ok_and(|accept| accepts_gzip(&accept));
    let mut response = next.call(request).await?;
    if !is_compressible(&response) {
        return Ok(response.map_into_left_body());
    }
    if !accepted {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        return Ok(response.map_into_left_body());
    }
    weaken_etag(response.headers_mut());
    response.headers_mut().remove(ACCEPT_RANGES);
    Ok(response.map_body(|head, body| EitherBody::right(Encoder::response(ContentEncoding::Gzip, head, body))))
}

fn accepts_gzip(accept: &AcceptEncoding) -> bool {
    // An absent or empty header leaves the choice to the server, but such clients seldom decode anything.
    !accept.0.is_empty() && accept.negotiate([Encoding::gzip(), Encoding::identity()].iter()) == Some(Encoding::gzip())
}

fn is_compressible<B: MessageBody>(response: &ServiceResponse<B>) -> bool {
    let large = match response.response().body().size() {
        BodySize::Sized(bytes) => bytes >= MIN_BYTES,
        BodySize::Stream => true,
        BodySize::None => false,
    };
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // 206 is a part of the file, and a problem becomes a response of its own further out.
    large
        && response.status() != StatusCode::PARTIAL_CONTENT
        && (essence.starts_with("model/") || COMPRESSIBLE.contains(&essence))
}

/// The compressed bytes are not those that the tag names, so it only says that the content is the same (RFC 9110, section
/// 8.8.1). `If-None-Match` compares weakly and still matches; `If-Range` does not, as it must not.
fn weaken_etag(headers: &mut HeaderMap) {
    let weak = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    let weak = weak.and_then(|tag| HeaderValue::from_str(&format!("W/{}", tag.to_str().ok()?)).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
}
