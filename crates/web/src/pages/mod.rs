//! Pages for people, rendered here: no script, no asset from elsewhere, one stylesheet inside each page.
//!
//! Two are public. The *status page* shows customers what was published, and nothing else. The *acknowledge page* is
//! what a notification links to: whoever holds its link acts as the person it was sent to, and because mail scanners
//! fetch links, fetching it changes nothing; its button does. The others are for people who are signed in: the *now*
//! page, services, alerts, pages, incidents, post-mortems, who is on call, availability.
//!
//! A form posts to the page that it stands on. What it led to is seen by fetching that page again (303); a refusal
//! shows the page with the reason at its top and with what the person had written. All text is escaped by the
//! templates. Nothing here decides: a page is a function of the World and of a story from the journal.

mod acknowledge;
mod alerts;
mod availability;
mod bars;
mod form;
mod incidents;
mod now;
mod oncall;
mod page;
mod post_mortems;
mod services;
mod shell;
mod sign_in;
#[cfg(test)]
mod stage;
mod status;
#[cfg(test)]
mod tests;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;

use crate::doors::Doorway;
use crate::limits::FORM_BYTES_MAX;

pub(crate) use status::status_page_of;

/// Limits of what one page shows; what is left out is counted on the page.
mod limits {
    /// Alerts, silences, outages, slices or notifications in one list.
    pub(super) const LINES_MAX: usize = 200;
    /// Past incidents on a status page; the others are reached by their links.
    pub(super) const HISTORY_INCIDENTS_MAX: usize = 20;
    /// Updates of one open incident on a status page; the others are on the incident's own page.
    pub(super) const UPDATES_SHOWN_MAX: usize = 3;
    /// Characters of an update on a status page; the rest is on the incident's own page.
    pub(super) const UPDATE_CHARS_MAX: usize = 300;
    /// Days with a bar of their own on one page; past it, equal days in a row share one, so that a page with many
    /// services keeps its weight.
    pub(super) const BARS_MAX: usize = 180;
    /// Names that wrong passwords are counted for. The configuration's people are fewer; names that it does not know
    /// share one count.
    pub(super) const NAMES_WATCHED_MAX: usize = 10_000;
}

pub(crate) fn routes() -> Router<Doorway> {
    Router::new()
        .merge(status::routes())
        .merge(acknowledge::routes())
        .merge(now::routes())
        .merge(services::routes())
        .merge(alerts::routes())
        .merge(page::routes())
        .merge(incidents::routes())
        .merge(post_mortems::routes())
        .merge(oncall::routes())
        .merge(availability::routes())
        .merge(sign_in::routes())
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}
