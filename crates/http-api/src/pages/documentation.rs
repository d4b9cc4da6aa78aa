//! The documentation of the API, at the paths that it has in the repository, so that its links work.

use actix_web::http::header::{CONTENT_TYPE, ContentType};
use actix_web::{HttpResponse, get};
use utoipa_actix_web::service_config::ServiceConfig;

macro_rules! pages {
    ($($name:ident $path:literal;)*) => {
        $(
            /// A page of the documentation, in Markdown
            #[utoipa::path(
                tag = "operating",
                responses((status = 200, description = "The page", content_type = "text/plain", body = String))
            )]
            #[get($path)]
            async fn $name() -> HttpResponse {
                let text = include_str!(concat!("../../../..", $path));
                HttpResponse::Ok().insert_header((CONTENT_TYPE, ContentType::plaintext())).body(text)
            }
        )*

        /// Registers the pages.
        pub(crate) fn documentation(config: &mut ServiceConfig<'_>) {
            $(config.service($name);)*
        }
    };
}

pages! {
    agents "/docs/agents.md";
    api "/docs/api/README.md";
    errors "/docs/api/errors.md";
    testing "/docs/api/testing.md";
    webhooks "/docs/api/webhooks.md";
}
