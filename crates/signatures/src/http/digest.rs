//! `Content-Digest` (RFC 9530).

use super::{CONTENT_DIGEST, MAX_FIELD, input};
use crate::{BodyDigest, Malformed, Request};
use sfv::{BareItem, ListEntry};

/// The digests in the header; at least one is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentDigest {
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) sha512: Option<[u8; 64]>,
}

impl ContentDigest {
    /// Parses the header. Unknown algorithms are ignored (RFC 9530 section 2).
    pub(super) fn parse(request: &Request<'_>) -> Result<Self, Malformed> {
        let missing = || Malformed::CoveredHeaderMissing { name: CONTENT_DIGEST.to_owned() };
        let field = request.combined(CONTENT_DIGEST, MAX_FIELD)?.ok_or_else(missing)?;
        let field = input::dictionary(CONTENT_DIGEST, &field)?;
        let (sha256, sha512) = (bytes(field.get("sha-256"))?, bytes(field.get("sha-512"))?);
        if sha256.is_none() && sha512.is_none() {
            return Err(Malformed::ContentDigest);
        }
        Ok(Self { sha256, sha512 })
    }

    /// Whether every digest in the header matches the body.
    pub(crate) fn matches(&self, body: &BodyDigest) -> bool {
        self.sha256.is_none_or(|sha256| sha256 == body.sha256)
            && self.sha512.is_none_or(|sha512| body.sha512 == Some(sha512))
    }
}

fn bytes<const N: usize>(entry: Option<&ListEntry>) -> Result<Option<[u8; N]>, Malformed> {
    match entry {
        None => Ok(None),
        Some(ListEntry::Item(item)) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => {
                bytes.as_slice().try_into().map(Some).map_err(|_| Malformed::ContentDigest)
            }
            _ => Err(Malformed::ContentDigest),
        },
        Some(ListEntry::InnerList(_)) => Err(Malformed::ContentDigest),
    }
}
