//! APIs of other tools, at the paths that those tools hard-code.

mod alertmanager;
mod import;
mod prometheus;
mod remote_write;
mod statuspage;

use axum::Router;

pub(crate) use self::prometheus::is_upkeep;
use crate::doors::Doorway;

pub(crate) fn routes() -> Router<Doorway> {
    Router::new()
        .merge(prometheus::routes())
        .merge(remote_write::routes())
        .merge(import::routes())
        .merge(alertmanager::routes())
        .merge(statuspage::routes())
}
