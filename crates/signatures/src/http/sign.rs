//! Signing, for clients.

use super::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT, TAG, components, input};
use crate::presented::mac;
use crate::{BodyDigest, COVERED_HEADERS, Malformed, Request, Signer};
use sfv::{BareItem, InnerList, Item, ItemSerializer, Key};

/// Signs a request and returns the headers to add, including `Content-Digest` if it has a body. `request` must already
/// have its [`COVERED_HEADERS`].
///
/// # Errors
///
/// [`Malformed`] if a server would refuse the request.
pub fn sign(
    request: &Request<'_>,
    signer: &Signer<'_>,
    body: &BodyDigest,
) -> Result<Vec<(&'static str, String)>, Malformed> {
    let digest = (!body.is_empty()).then(|| format!("sha-256={}", bytes(&body.sha256)));
    let with_digest = |name: &str| match &digest {
        Some(digest) if name == CONTENT_DIGEST => vec![digest.as_bytes()],
        _ => (request.headers)(name),
    };
    let Request { method, scheme, authority, path, query, .. } = *request;
    let request = Request { method, scheme, authority, path, query, headers: &with_digest };

    let mut covered = vec!["@method", "@authority", "@path"];
    covered.extend(query.map(|_| "@query"));
    covered.extend(digest.as_ref().map(|_| CONTENT_DIGEST));
    for name in COVERED_HEADERS {
        covered.extend(request.single(name)?.map(|_| name));
    }
    let list = signature_input(&covered, signer)?;
    let base = components::signature_base(&request, &covered, &list)?;
    let mac = mac(signer.secret, base.as_bytes());

    let mut signed = Vec::with_capacity(3);
    signed.push((SIGNATURE_INPUT, format!("sig={}", components::serialize(&list))));
    signed.push((SIGNATURE, format!("sig={}", bytes(mac.as_ref()))));
    signed.extend(digest.map(|digest| (CONTENT_DIGEST, digest)));
    Ok(signed)
}

/// The covered components with the signature parameters.
fn signature_input(covered: &[&str], signer: &Signer<'_>) -> Result<InnerList, Malformed> {
    let string = |text: &str| sfv::String::from_string(text.to_owned()).map(BareItem::String);
    let invalid = |name| Malformed::Parameter { name, must: "printable ASCII" };
    let created = BareItem::try_from(signer.created)
        .map_err(|_| Malformed::Parameter { name: "created", must: "a time of at most 15 digits" })?;

    let mut list = InnerList::default();
    for name in covered {
        list.items.push(Item::new(string(name).map_err(|_| Malformed::ComponentName)?));
    }
    let parameters = [
        ("created", created),
        ("keyid", string(signer.key).map_err(|_| invalid("keyid"))?),
        ("nonce", string(signer.nonce).map_err(|_| invalid("nonce"))?),
        ("alg", string("hmac-sha256").map_err(|_| invalid("alg"))?),
        ("tag", string(TAG).map_err(|_| invalid("tag"))?),
    ];
    for (name, value) in parameters {
        list.params.insert(Key::from_string(name.to_owned()).map_err(|_| invalid(name))?, value);
    }
    input::parameters(&list)?;
    Ok(list)
}

/// A structured byte sequence: base64 between colons.
fn bytes(bytes: &[u8]) -> String {
    ItemSerializer::new().bare_item(bytes).finish()
}
