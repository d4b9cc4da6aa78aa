//! Receives the body of a request for jobs: authenticated, within its memory, parsed on a blocking thread.

use crate::memory::UploadPermit;
use crate::parse;
use crate::submit::{Naming, SubmitRequest, SubmitService, fingerprint};
use crate::transport::BodyFormat;
use access::Operation;
use actix_web::{HttpRequest, web};
use http_api::scenario::scenario;
use http_api::{IncomingRequest, Problem, codes};

/// Reads and parses the body of a request for one job, or, if the operation is [`Operation::Batch`], for several.
pub(super) async fn receive(
    request: &HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    service: &SubmitService,
    operation: Operation,
    naming: Naming,
) -> Result<SubmitRequest, Problem> {
    let is_batch = operation == Operation::Batch;
    let bounds = if is_batch { service.memory.batch() } else { service.memory.single() };
    let format = BodyFormat::of(request, bounds)?;
    let mut memory = service.memory.upload(bounds, format.memory(), incoming.is_verified());
    let reserve = async |bytes| memory.grow(bytes).await;
    let (caller, bytes) = incoming.read_reserving(payload, operation, bounds, reserve).await?;
    let memory = memory.proven().await?;
    let scenario = scenario(request, &caller)?.map(|scenario| scenario.to_string());
    let most = usize::try_from(caller.tenant.limits.max_batch_size).unwrap_or(usize::MAX);
    // The permit goes with the work: a client that hangs up does not end it.
    let parse = move || -> (Result<_, Problem>, UploadPermit) {
        let parsed =
            format.body(bytes).and_then(|body| if is_batch { parse::batch(body, most) } else { parse::single(body) });
        let parsed = parsed.map(|parsed| {
            let fingerprint = fingerprint(&parsed);
            (parsed, fingerprint)
        });
        (parsed, memory)
    };
    let parsed = tokio::task::spawn_blocking(parse).await;
    let (parsed, memory) =
        parsed.map_err(|error| Problem::new(&codes::INTERNAL, "The body could not be parsed.").because(error))?;
    let (mut parsed, fingerprint) = parsed?;
    parsed.cache &= !super::no_cache(request);
    Ok(SubmitRequest { caller, parsed, fingerprint, naming, scenario, memory })
}
