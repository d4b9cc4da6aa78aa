//! `/api/admin`: tenants, their keys and dead letters, for callers with the permission `admin`. The same as
//! `orfeas agents` and `orfeas dead-letters`.

mod add;
mod change;
mod dead_letters;
mod issue;
mod list;
mod revoke;
mod revoke_key;
mod seconds;
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
            .service(revoke_key::revoke_key)
            .service(dead_letters::list)
            .service(dead_letters::redrive)
            .service(dead_letters::discard),
    );
}

/// The tenant that a path names, by its id or its name.
async fn tenant(authenticator: &Authenticator, id_or_name: &str) -> Result<Tenant, Problem> {
    Ok(authenticator.registry().show(id_or_name).await?.tenant)
}
