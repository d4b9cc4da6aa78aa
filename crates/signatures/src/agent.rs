//! The agent scheme: an HMAC-SHA256 over a canonical string.
//!
//! | header | value |
//! | --- | --- |
//! | `X-Agent-API-Key` | the API key |
//! | `X-Agent-Timestamp` | now, in whole seconds since 1970 (UTC) |
//! | `X-Agent-Nonce` | 16 to 64 random letters, digits, `-` and `_`; new for each request |
//! | `X-Agent-Signature` | the HMAC-SHA256 of the canonical string under the signing secret's text, in lower-case hexadecimal |
//!
//! The canonical string is these lines, joined by a line feed (`\n`), with none at the end:
//!
//! ```text
//! ORFEAS-HMAC-SHA256
//! <X-Agent-API-Key>
//! <method>
//! <path, and the query with its "?" if there is one, as sent>
//! <X-Agent-Timestamp>
//! <X-Agent-Nonce>
//! <name>:<value>          for each of these headers that the request has, in this order:
//!                         cache-control, content-encoding, content-type, idempotency-key, x-test-scenario
//! <SHA-256 of the body, in lower-case hexadecimal; of nothing if there is no body>
//! ```
//!
//! No part can hold a line feed, the first six lines are always there, the last one has no colon, and a header is known
//! by its name: so two different requests never have the same string. The host is not in it, as a proxy may rewrite
//! that; [`crate::http`] covers it.

use crate::presented::{BodyBinding, Proof, hex, is_nonce, mac};
use crate::request::MEANINGFUL_HEADERS;
use crate::{BodyDigest, Key, Malformed, Presented, Request, Scheme, Signer};

/// The first line of the canonical string.
pub const VERSION: &str = "ORFEAS-HMAC-SHA256";
/// Whose the request is.
pub const API_KEY: &str = "x-agent-api-key";
/// When it was signed.
pub const TIMESTAMP: &str = "x-agent-timestamp";
/// What makes it the only one.
pub const NONCE: &str = "x-agent-nonce";
/// The signature.
pub const SIGNATURE: &str = "x-agent-signature";

/// Reads the four headers. `None`: there is none of them.
pub(crate) fn parse(request: &Request<'_>) -> Result<Option<Presented>, Malformed> {
    let headers = [API_KEY, TIMESTAMP, NONCE, SIGNATURE];
    if headers.iter().all(|name| (request.headers)(name).is_empty()) {
        return Ok(None);
    }
    let required = |name| request.single(name)?.ok_or(Malformed::MissingHeader { name });
    let (key, timestamp, nonce) = (required(API_KEY)?, required(TIMESTAMP)?, required(NONCE)?);
    let mac = unhex(required(SIGNATURE)?).ok_or(Malformed::AgentSignature)?;
    let created = seconds(timestamp).ok_or(Malformed::Timestamp)?;
    Ok(Some(Presented {
        scheme: Scheme::Agent,
        key: Key::ApiKey(key.to_owned()),
        nonce: nonce.to_owned(),
        created,
        expires: None,
        proof: Proof { mac, ..head(request, key, timestamp, nonce)? },
    }))
}

/// Signs a request: the headers to add to it. `request` must have its [`MEANINGFUL_HEADERS`] already.
///
/// # Errors
///
/// [`Malformed`] for what a server would refuse.
pub fn sign(
    request: &Request<'_>,
    signer: &Signer<'_>,
    body: &BodyDigest,
) -> Result<Vec<(&'static str, String)>, Malformed> {
    let timestamp = signer.created.to_string();
    seconds(&timestamp).ok_or(Malformed::Timestamp)?;
    let mut message = head(request, signer.key, &timestamp, signer.nonce)?.message;
    message.extend(hex(&body.sha256).bytes());
    Ok(vec![
        (API_KEY, signer.key.to_owned()),
        (TIMESTAMP, timestamp),
        (NONCE, signer.nonce.to_owned()),
        (SIGNATURE, hex(mac(signer.secret, &message).as_ref())),
    ])
}

/// The canonical string up to the body's hash.
fn head(request: &Request<'_>, key: &str, timestamp: &str, nonce: &str) -> Result<Proof, Malformed> {
    request.check()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if key.is_empty() || key.len() > 128 || !key.bytes().all(plain) {
        return Err(Malformed::ApiKey);
    }
    if !is_nonce(nonce, 64, b"-_") {
        return Err(Malformed::AgentNonce);
    }
    let mut text = format!("{VERSION}\n{key}\n{}\n{}\n{timestamp}\n{nonce}\n", request.method, request.target());
    for name in MEANINGFUL_HEADERS {
        if let Some(value) = request.single(name)? {
            text.extend([name, ":", value, "\n"]);
        }
    }
    Ok(Proof::unsigned(text.into_bytes(), BodyBinding::EndOfMessage))
}

/// Whole seconds, written in one way only: a number with a leading zero or a sign is none.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

/// 32 bytes from 64 lower-case digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str) -> Vec<&'static [u8]> {
        match name {
            "content-type" => vec![b" application/json "],
            "idempotency-key" => vec![b"mug-17"],
            _ => Vec::new(),
        }
    }

    const REQUEST: Request<'_> = Request {
        method: "POST",
        scheme: "https",
        authority: "orfeas.example",
        path: "/api/agent/generate-3d",
        query: Some("dry=1"),
        headers: &headers,
    };

    /// Fixed, so that the string cannot change by accident: clients in other languages depend on each byte.
    #[test]
    fn the_canonical_string_is_this_one() {
        let head = head(&REQUEST, "orf_test_key", "1750000000", "0123456789abcdef").unwrap();
        assert_eq!(
            String::from_utf8(head.message).unwrap(),
            "ORFEAS-HMAC-SHA256\norf_test_key\nPOST\n/api/agent/generate-3d?dry=1\n1750000000\n0123456789abcdef\n\
             content-type:application/json\nidempotency-key:mug-17\n"
        );
        let signer =
            Signer { key: "orf_test_key", secret: b"secret", created: 1_750_000_000, nonce: "0123456789abcdef" };
        let signed = sign(&REQUEST, &signer, &BodyDigest::of(b"{}")).unwrap();
        let signature = "02aa3837961e7e59b031249382fe650753fd02385b6571f4f00d654fe3f4f6f0";
        assert_eq!(signed[3], (SIGNATURE, signature.to_owned()));
    }

    #[test]
    fn a_time_is_written_in_one_way() {
        assert_eq!(seconds("1750000000"), Some(1_750_000_000));
        for text in ["", "0", "01", "+1", "-1", "1.5", "1e3", "1 ", "1750000000000", "１"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn hexadecimal_is_read_in_one_way() {
        let bytes = [0x0f; 32];
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        for text in [hex(&bytes).to_uppercase(), hex(&bytes[1..]), "g".repeat(64), "é".repeat(32)] {
            assert_eq!(unhex(&text), None, "{text}");
        }
    }
}
