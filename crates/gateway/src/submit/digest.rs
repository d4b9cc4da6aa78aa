//! What makes two requests the same, and what makes two meshes the same.

use crate::parameters::{Order, Source, Wish};
use domain::{BlobId, Parameters};
use ring::digest::{Context, SHA256, digest};

/// What a request asks for, whichever way it was written: the same wish has the same fingerprint.
pub(super) fn of_wish(wish: &Wish) -> [u8; 32] {
    let mut parts: Vec<Vec<u8>> = vec![b"wish".to_vec(), vec![u8::from(wish.cache)]];
    for Order { source, parameters } in &wish.orders {
        parts.push(match source {
            Source::File(bytes) => digest(&SHA256, bytes).as_ref().to_vec(),
            Source::Url(url) => url.as_bytes().to_vec(),
        });
        parts.push(text(parameters));
    }
    of_parts(parts.iter().map(Vec::as_slice))
}

/// What a mesh is made of: whose it is, the picture, what is asked for with it (the seed as well), and the models that
/// may make it.
pub(super) fn of_mesh(tenant: &str, picture: &BlobId, parameters: &Parameters, models: &[String]) -> [u8; 32] {
    let parameters = text(parameters);
    let head = [b"mesh".as_slice(), tenant.as_bytes(), picture.as_str().as_bytes(), &parameters];
    of_parts(head.into_iter().chain(models.iter().map(String::as_bytes)))
}

/// Parameters have one spelling: serde writes their fields in order.
fn text(parameters: &Parameters) -> Vec<u8> {
    serde_json::to_vec(parameters).expect("parameters can be written as JSON. This is a bug.")
}

/// SHA-256 over the parts, each with its length before it, so that no two lists of parts run together.
fn of_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::collections::HashSet;

    fn wish(files: &[&'static [u8]], cache: bool, steps: Option<u32>) -> Wish {
        let order = |file: &&'static [u8]| Order {
            source: Source::File(Bytes::from_static(file)),
            parameters: Parameters { steps, ..Parameters::default() },
        };
        Wish { orders: files.iter().map(order).collect(), cache }
    }

    #[test]
    fn a_wish_is_another_as_soon_as_anything_in_it_is() {
        let wishes = [
            wish(&[b"a"], true, None),
            wish(&[b"b"], true, None),
            wish(&[b"a"], false, None),
            wish(&[b"a"], true, Some(7)),
            wish(&[b"a", b"b"], true, None),
            wish(&[b"b", b"a"], true, None),
        ];
        let digests: HashSet<_> = wishes.iter().map(of_wish).collect();
        assert_eq!(digests.len(), wishes.len());
        assert_eq!(of_wish(&wishes[0]), of_wish(&wish(&[b"a"], true, None)));
    }

    #[test]
    fn a_mesh_is_another_for_another_tenant_picture_seed_or_model() {
        let (one, two): (BlobId, BlobId) = ("1".repeat(64).parse().unwrap(), "2".repeat(64).parse().unwrap());
        let seed = |seed| Parameters { seed: Some(seed), ..Parameters::default() };
        let models = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let digests = HashSet::from([
            of_mesh("a", &one, &seed(1), &models(&["m"])),
            of_mesh("b", &one, &seed(1), &models(&["m"])),
            of_mesh("a", &two, &seed(1), &models(&["m"])),
            of_mesh("a", &one, &seed(2), &models(&["m"])),
            of_mesh("a", &one, &seed(1), &models(&["n"])),
            of_mesh("a", &one, &seed(1), &models(&["m", "n"])),
        ]);
        assert_eq!(digests.len(), 6);
    }
}
