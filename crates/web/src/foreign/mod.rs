//! APIs of other tools, at the paths that those tools hard-code.

mod alertmanager;
mod prometheus;
mod statuspage;

use axum::Router;

use crate::doors::Doorway;

pub(crate) fn routes() -> Router<Doorway> {
    Router::new().merge(prometheus::routes()).merge(alertmanager::routes()).merge(statuspage::routes())
}
