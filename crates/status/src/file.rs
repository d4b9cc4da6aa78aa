//! Serves a stored file: whole, in part, or not at all if the client has it already (RFC 9110).

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EntityTag, Header,
    HeaderValue, IfNoneMatch, IfRange, RANGE, Range, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};
use blobs::{BlobReader, Blobs};
use bytes::Bytes;
use domain::BlobId;
use futures_util::{Stream, stream};
use http_api::{Problem, codes, is_head};
use telemetry::names;

/// Bytes that are read from the store at once: the memory that a slow client costs.
const CHUNK: u64 = 1 << 20;
/// The media type of a file whose stored type is not a header value.
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A stored file and its presentation.
pub(crate) struct File {
    pub(crate) id: BlobId,
    pub(crate) media_type: String,
    /// The value of `Content-Disposition`.
    pub(crate) disposition: String,
    /// The label of its metrics.
    pub(crate) kind: &'static str,
}

impl File {
    /// The response to a GET or HEAD request for the file.
    pub(crate) async fn serve(self, request: &HttpRequest, blobs: &Blobs) -> Result<HttpResponse, Problem> {
        // A blob is named by the hash of its bytes, so the name is a strong validator.
        let tag = EntityTag::new_strong(self.id.to_string());
        if is_known(request, &tag) {
            let mut response = HttpResponse::NotModified();
            return Ok(response
                .insert_header((ETAG, tag))
                .insert_header((CACHE_CONTROL, "private, no-cache"))
                .finish());
        }
        let blob = blobs.reader(&self.id).await?;
        let size = blob.size();

        let mut response = HttpResponse::Ok();
        let (from, to) = match wanted_range(request, &tag, size)? {
            None => (0, size),
            Some((first, last)) => {
                response.status(StatusCode::PARTIAL_CONTENT);
                response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
                (first, last + 1)
            }
        };
        response
            .insert_header((ETAG, tag))
            .insert_header((CONTENT_TYPE, HeaderValue::from_str(&self.media_type).unwrap_or(OCTET_STREAM)))
            .insert_header((CONTENT_DISPOSITION, self.disposition))
            .insert_header((ACCEPT_RANGES, "bytes"))
            .insert_header((CACHE_CONTROL, "private, no-cache"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        Ok(response.body(SizedStream::new(to - from, chunks(blob, from, to, self.kind))))
    }
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// The first and the last byte of the requested range. `None`, for the whole file: no range, one that cannot be read, several
/// at once, or a range of an older file.
fn wanted_range(request: &HttpRequest, tag: &EntityTag, size: u64) -> Result<Option<(u64, u64)>, Problem> {
    if is_head(request) || !request.headers().contains_key(RANGE) {
        return Ok(None);
    }
    if request.headers().contains_key(actix_web::http::header::IF_RANGE) {
        match IfRange::parse(request) {
            Ok(IfRange::EntityTag(had)) if had.strong_eq(tag) => {}
            _ => return Ok(None),
        }
    }
    let Ok(Range::Bytes(ranges)) = Range::parse(request) else { return Ok(None) };
    let [range] = ranges.as_slice() else { return Ok(None) };
    match range.to_satisfiable_range(size) {
        Some(range) => Ok(Some(range)),
        None => {
            let header =
                HeaderValue::from_str(&format!("bytes */{size}")).expect("digits are plain text. This is a bug.");
            let problem = Problem::new(&codes::RANGE_NOT_SATISFIABLE, format!("The file has {size} bytes."));
            Err(problem.with_header(CONTENT_RANGE, header))
        }
    }
}

/// The bytes `from..to` of a blob, a chunk at a time and no faster than they are taken.
fn chunks(
    blob: BlobReader,
    from: u64,
    to: u64,
    kind: &'static str,
) -> impl Stream<Item = Result<Bytes, blobs::Error>> + 'static {
    stream::try_unfold(from, move |at| {
        let blob = blob.clone();
        async move {
            if at >= to {
                return Ok(None);
            }
            let end = to.min(at + CHUNK);
            let chunk = blob.read(at..end).await.inspect_err(|error| {
                // The head has been sent, so the client only sees that the body is too short.
                tracing::error!(blob.id = %blob.id(), %error, "a file broke off");
            })?;
            metrics::counter!(names::SERVED_BYTES, "kind" => kind).increment(end - at);
            Ok(Some((chunk, end)))
        }
    })
}
