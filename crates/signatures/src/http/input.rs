//! `Signature-Input` and `Signature`: which signature, and its parameters (RFC 9421 sections 2.3 and 4).

use super::{MAX_FIELD, SIGNATURE, SIGNATURE_INPUT, TAG};
use crate::Malformed;
use crate::presented::is_nonce;
use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parameters, Parser};

/// Maximum number of signatures in one request.
const MAX_SIGNATURES: usize = 8;
/// Longest label, in bytes.
const MAX_LABEL: usize = 64;

/// The signature to verify.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) input: InnerList,
    pub(super) mac: [u8; 32],
}

/// The signature parameters.
pub(super) struct SignatureParameters {
    pub(super) key_id: String,
    pub(super) nonce: String,
    pub(super) created: u64,
    pub(super) expires: Option<u64>,
}

/// Parses a dictionary.
pub(super) fn dictionary(name: &'static str, value: &str) -> Result<Dictionary, Malformed> {
    debug_assert!(value.len() <= MAX_FIELD + 2);
    Parser::new(value).parse().map_err(|_| Malformed::NotADictionary { name })
}

/// Selects the signature with [`TAG`], else the first without a tag.
pub(super) fn select(input: &str, signature: &str) -> Result<Option<Selected>, Malformed> {
    let mut inputs = dictionary(SIGNATURE_INPUT, input)?;
    let mut signatures = dictionary(SIGNATURE, signature)?;
    if inputs.len() > MAX_SIGNATURES {
        return Err(Malformed::TooManySignatures { max: MAX_SIGNATURES });
    }
    let tag = |entry: &ListEntry| match entry {
        ListEntry::InnerList(list) => list.params.get("tag").cloned(),
        ListEntry::Item(item) => item.params.get("tag").cloned(),
    };
    let has_our_tag = |tag: &Option<BareItem>| text(tag.as_ref()) == Some(TAG);
    let label = inputs.iter().find(|(_, entry)| has_our_tag(&tag(entry)));
    let label = label.or_else(|| inputs.iter().find(|(_, entry)| tag(entry).is_none()));
    let Some((label, _)) = label else { return Ok(None) };

    if label.as_str().len() > MAX_LABEL {
        return Err(Malformed::TooLong { what: "The label of the signature", max: MAX_LABEL });
    }
    let label = label.as_str().to_owned();
    match (inputs.swap_remove(label.as_str()), signatures.swap_remove(label.as_str())) {
        (Some(ListEntry::InnerList(input)), Some(ListEntry::Item(item))) => {
            algorithm(&input.params)?;
            let BareItem::ByteSequence(bytes) = item.bare_item else { return Err(Malformed::Unpaired { label }) };
            let mac = bytes.try_into().map_err(|_| Malformed::SignatureLength)?;
            Ok(Some(Selected { input, mac }))
        }
        _ => Err(Malformed::Unpaired { label }),
    }
}

/// Refuses every other algorithm: the key determines the algorithm, not the message (RFC 9421 section 7.3.6).
fn algorithm(parameters: &Parameters) -> Result<(), Malformed> {
    match parameters.get("alg") {
        None => Ok(()),
        alg if text(alg) == Some("hmac-sha256") => Ok(()),
        Some(_) => Err(Malformed::Algorithm),
    }
}

/// The parameters of RFC 9421 section 2.3. Unknown ones are covered by the signature but otherwise ignored.
pub(super) fn parameters(input: &InnerList) -> Result<SignatureParameters, Malformed> {
    let all = &input.params;
    let time = |name| match all.get(name) {
        None => Ok(None),
        Some(BareItem::Integer(time)) => {
            u64::try_from(*time).map(Some).map_err(|_| Malformed::Parameter { name, must: TIME })
        }
        Some(_) => Err(Malformed::Parameter { name, must: TIME }),
    };
    let created = time("created")?.ok_or(Malformed::Parameter { name: "created", must: TIME })?;
    let expires = time("expires")?;
    let nonce = text(all.get("nonce")).filter(|nonce| is_nonce(nonce, 128, b"-_.~+/="));
    let key_id = text(all.get("keyid")).filter(|id| (1..=128).contains(&id.len()));
    Ok(SignatureParameters {
        key_id: key_id.ok_or(Malformed::Parameter { name: "keyid", must: "the id of a key" })?.to_owned(),
        nonce: nonce.ok_or(Malformed::Parameter { name: "nonce", must: NONCE })?.to_owned(),
        created,
        expires,
    })
}

const TIME: &str = "a time in whole seconds since 1970 (UTC)";
const NONCE: &str = "a string of 16 to 128 letters, digits and characters of -_.~+/=";

fn text(item: Option<&BareItem>) -> Option<&str> {
    match item {
        Some(BareItem::String(text)) => Some(text.as_str()),
        _ => None,
    }
}
