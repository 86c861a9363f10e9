//! Swan's own API. Every route is registered with its documentation; the document is served at `/openapi.json`.

mod asked;
pub(crate) mod backtest;
mod credentials;
pub(crate) mod incidents;
mod ingest;
mod learning;
mod ledger;
pub(crate) mod oncall;
mod refusals;
mod reviews;
mod rows;
mod shapes;
mod system;
pub(crate) mod tickets;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;

use crate::answer::ErrorBody;
use crate::doors::Doorway;

/// The route of the live stream of the journal, which no time-out ends.
pub(crate) const LIVE_EVENTS: &str = "/v1/live";

#[derive(OpenApi)]
#[openapi(
    info(title = "Swan", description = "Keeps an online service available: measure, alert, page, respond, inform, learn."),
    components(schemas(ErrorBody)),
    modifiers(&Credentials)
)]
struct Api;

/// Tokens, as the document describes them.
struct Credentials;

impl utoipa::Modify for Credentials {
    fn modify(&self, document: &mut Document) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    }
}

fn documented() -> (Router<Doorway>, Document) {
    let (routes, mut document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(ingest::routes())
        .merge(ledger::routes())
        .merge(oncall::routes())
        .merge(incidents::routes())
        .merge(tickets::routes())
        .merge(learning::routes())
        .merge(backtest::routes())
        .merge(credentials::routes())
        .merge(system::routes())
        .split_for_parts();
    refusals::tell(&mut document);
    (routes, document)
}

/// The OpenAPI 3.1 document of the `/v1/` API.
pub fn openapi() -> Document {
    documented().1
}

pub(crate) fn routes() -> Router<Doorway> {
    let (routes, document) = documented();
    let document = serde_json::to_value(document).expect("the document has a JSON form");
    routes
        .route("/openapi.json", get(move || std::future::ready(axum::Json(document.clone()))))
        .merge(system::undocumented())
}
