//! `/api/admin`: tenants and their keys, for those who may manage them. The same as `orfeas agents`.

mod add;
mod body;
mod change;
mod issue;
mod list;
mod revoke;
mod revoke_key;
mod show;
mod view;

use access::Tenant;
use http_api::{Authenticator, Problem};
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(
        scope("/api/admin")
            .service(add::add)
            .service(list::list)
            .service(show::show)
            .service(change::change)
            .service(revoke::revoke)
            .service(issue::issue)
            .service(revoke_key::revoke_key),
    );
}

/// The tenant that a path names, by its id or its name.
async fn tenant(authenticator: &Authenticator, id_or_name: &str) -> Result<Tenant, Problem> {
    Ok(authenticator.registry().show(id_or_name).await?.tenant)
}
