//! `.../webhooks`: the endpoints that are called on events of a tenant's jobs.

mod add;
mod change;
mod deliveries;

use ::webhooks::{DeliveryId, EndpointId, Error};
use access::Operation;
use http_api::{Authenticated, RequiredOperation};
use http_api::{Problem, codes};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes, under an API's prefix.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(
        scope("/webhooks")
            .service(add::add)
            .service(change::list)
            .service(change::remove)
            .service(change::rotate)
            .service(change::enable)
            .service(deliveries::list)
            .service(deliveries::replay),
    );
}

/// Managing webhooks requires the permission to submit jobs.
struct CanManageWebhooks;

impl RequiredOperation for CanManageWebhooks {
    const OPERATION: Operation = Operation::Generate;
}

/// A caller who may manage webhooks.
type WebhookManager = Authenticated<CanManageWebhooks>;

/// The path to a webhook.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WebhookPath {
    /// The webhook's id.
    #[param(pattern = "^whk_[0-9a-f]{32}$")]
    webhook_id: String,
}

impl WebhookPath {
    fn webhook(&self) -> Result<EndpointId, Problem> {
        self.webhook_id.parse().map_err(problem)
    }
}

/// The path to a delivery of a webhook.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DeliveryPath {
    /// The webhook's id.
    #[param(pattern = "^whk_[0-9a-f]{32}$")]
    webhook_id: String,
    /// The delivery's id.
    #[param(pattern = "^msg_[0-9a-f]{32}$")]
    delivery_id: String,
}

impl DeliveryPath {
    fn webhook_and_delivery(&self) -> Result<(EndpointId, DeliveryId), Problem> {
        Ok((self.webhook_id.parse().map_err(problem)?, self.delivery_id.parse().map_err(problem)?))
    }
}

fn problem(error: Error) -> Problem {
    let detail = error.to_string();
    match error {
        Error::Url(_) => Problem::new(&codes::URL_NOT_ALLOWED, detail).with_parameter("url"),
        Error::TooMany { .. } => Problem::new(&codes::TOO_MANY_WEBHOOKS, "You have as many webhooks as you may have."),
        Error::UnknownEndpoint => Problem::new(&codes::WEBHOOK_NOT_FOUND, "You have no such webhook."),
        Error::UnknownDelivery => Problem::new(&codes::DELIVERY_NOT_FOUND, "The webhook has no such delivery."),
        // Webhooks share the Redis of the queue; clients see one service.
        Error::Unavailable(_) => {
            Problem::new(&codes::QUEUE_UNAVAILABLE, "Webhooks cannot be reached at present.").because(error)
        }
        Error::Secret(_) | Error::Redis(_) | Error::Corrupt(_) => {
            Problem::new(&codes::INTERNAL, "Webhooks cannot do this.").because(error)
        }
    }
}
