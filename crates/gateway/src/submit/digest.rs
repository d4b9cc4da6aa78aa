//! The digests by which equal requests and equal results are recognised.

use crate::parse::{ImageSource, JobRequest, ParsedRequest};
use domain::{Parameters, ViewImage};
use ring::digest::{Context, SHA256, digest};

/// The fingerprint of a request. It does not depend on how the request was written: JSON and form data of the same content
/// have the same one. Takes time in proportion to the images.
pub(crate) fn fingerprint(request: &ParsedRequest) -> [u8; 32] {
    let mut parts: Vec<Vec<u8>> = vec![b"request".to_vec(), vec![u8::from(request.cache)]];
    for JobRequest { images, model, parameters } in &request.jobs {
        parts.push(model.clone().unwrap_or_default().into_bytes());
        parts.push(json(parameters));
        parts.push((images.len() as u64).to_be_bytes().to_vec());
        for image in images {
            parts.push(image.view.as_str().into());
            parts.push(match &image.source {
                ImageSource::File(bytes) => digest(&SHA256, bytes).as_ref().to_vec(),
                ImageSource::Url(url) => url.as_bytes().to_vec(),
            });
        }
    }
    of_parts(parts.iter().map(Vec::as_slice))
}

/// The digest of a result: its owner, the images with their views, the parameters (the seed among them), and the models
/// that may make it.
pub(super) fn of_result(tenant: &str, images: &[ViewImage], parameters: &Parameters, models: &[String]) -> [u8; 32] {
    let mut parts: Vec<Vec<u8>> = vec![b"result".to_vec(), tenant.into(), json(parameters)];
    parts.push((images.len() as u64).to_be_bytes().to_vec());
    for ViewImage { view, image } in images {
        parts.extend([view.as_str().into(), image.as_str().into()]);
    }
    parts.extend(models.iter().map(|model| model.as_str().into()));
    of_parts(parts.iter().map(Vec::as_slice))
}

/// Parameters have one spelling: serde writes their fields in order.
fn json(parameters: &Parameters) -> Vec<u8> {
    serde_json::to_vec(parameters).expect("parameters can be written as JSON. This is a bug.")
}

/// SHA-256 over the parts, each preceded by its length, so that different lists of parts never give the same input.
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
    use crate::parse::ViewSource;
    use bytes::Bytes;
    use domain::View;
    use std::collections::HashSet;

    fn request(
        jobs: &[&[(View, &'static [u8])]],
        cache: bool,
        steps: Option<u32>,
        model: Option<&str>,
    ) -> ParsedRequest {
        let job = |images: &&[(View, &'static [u8])]| JobRequest {
            images: images
                .iter()
                .map(|&(view, file)| ViewSource { view, source: ImageSource::File(Bytes::from_static(file)) })
                .collect(),
            model: model.map(str::to_owned),
            parameters: Parameters { steps, ..Parameters::default() },
        };
        ParsedRequest { jobs: jobs.iter().map(job).collect(), cache }
    }

    #[test]
    fn a_fingerprint_changes_with_everything_in_the_request() {
        use View::{Back, Front};
        let requests = [
            request(&[&[(Front, b"a")]], true, None, None),
            request(&[&[(Front, b"b")]], true, None, None),
            request(&[&[(Back, b"a")]], true, None, None),
            request(&[&[(Front, b"a"), (Back, b"b")]], true, None, None),
            request(&[&[(Front, b"a")]], false, None, None),
            request(&[&[(Front, b"a")]], true, Some(7), None),
            request(&[&[(Front, b"a")]], true, None, Some("m")),
            request(&[&[(Front, b"a")], &[(Front, b"b")]], true, None, None),
            request(&[&[(Front, b"b")], &[(Front, b"a")]], true, None, None),
        ];
        let digests: HashSet<_> = requests.iter().map(fingerprint).collect();
        assert_eq!(digests.len(), requests.len());
        assert_eq!(fingerprint(&requests[0]), fingerprint(&request(&[&[(Front, b"a")]], true, None, None)));
    }

    #[test]
    fn a_result_depends_on_tenant_images_views_parameters_and_models() {
        let image = |view, digit: &str| ViewImage { view, image: digit.repeat(64).parse().unwrap() };
        let (front, back) = ([image(View::Front, "1")], [image(View::Back, "1")]);
        let seed = |seed| Parameters { seed: Some(seed), ..Parameters::default() };
        let models = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let digests = HashSet::from([
            of_result("a", &front, &seed(1), &models(&["m"])),
            of_result("b", &front, &seed(1), &models(&["m"])),
            of_result("a", &back, &seed(1), &models(&["m"])),
            of_result("a", &[image(View::Front, "2")], &seed(1), &models(&["m"])),
            of_result("a", &[image(View::Front, "1"), image(View::Back, "2")], &seed(1), &models(&["m"])),
            of_result("a", &front, &seed(2), &models(&["m"])),
            of_result("a", &front, &seed(1), &models(&["n"])),
            of_result("a", &front, &seed(1), &models(&["m", "n"])),
        ]);
        assert_eq!(digests.len(), 8);
    }
}
