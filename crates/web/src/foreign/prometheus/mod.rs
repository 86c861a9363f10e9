//! Prometheus: what Grafana's data source, promtool, dashboards and other Prometheus servers ask of one, answered as
//! Prometheus 3 answers.
//!
//! Reading needs the role of a responder, deleting that of an administrator. What reads samples passes a [`gate`],
//! runs on a thread that may take its time, and stops when its client leaves. What Swan does not have (other
//! Alertmanagers to send to) is an empty list, never an invented entry.

mod accept;
mod admin;
mod answer;
mod exemplars;
mod families;
mod federate;
mod gate;
mod last;
mod manners;
mod multipart;
mod parameters;
mod query;
mod read;
mod rules;
mod series;
mod status;
mod targets;

use axum::middleware::from_fn;
use axum::{Extension, Router};

use crate::doors::Doorway;

pub(crate) use admin::is_upkeep;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .merge(query::routes())
        .merge(series::routes())
        .merge(rules::routes())
        .merge(targets::routes())
        .merge(status::routes())
        .merge(exemplars::routes())
        .merge(federate::routes())
        .merge(read::routes())
        .merge(admin::routes())
        .layer(from_fn(manners::kept))
        .layer(from_fn(answer::packed))
        .layer(Extension(gate::Gate::new()))
}
