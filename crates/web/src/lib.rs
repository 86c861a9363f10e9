//! Swan's doors: the `/v1/` API, the foreign APIs that other tools hard-code, and pages for people.
//!
//! A request is let in by [`access`], read up to a limit, turned into commands or a view, and answered once what it
//! rests on is durable. Handlers decide nothing and write nothing: they reach the rest of the process through
//! [`ports`]. Every route is registered together with its documentation, so the OpenAPI document cannot forget one.

mod access;
mod answer;
mod body;
mod doors;
mod foreign;
pub mod language;
pub mod live;
pub mod native;
mod pages;
pub mod ports;
mod router;
mod v1;

pub use doors::Doors;
pub use router::router;
pub use v1::openapi;

/// Limits of the doors.
pub mod limits {
    use std::time::Duration;

    /// How long a handler may take before the request is answered 503.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
    /// The same for work on the samples' files, of which one is under way at a time: a snapshot copies all of them.
    pub const UPKEEP_TIMEOUT: Duration = Duration::from_secs(3600);
    /// Requests that are read and answered at once; more wait for a place.
    pub const REQUESTS_AT_ONCE_MAX: usize = 256;
    /// Entries of a timeline; older ones are left out, and the page says so.
    pub const TIMELINE_ENTRIES_MAX: usize = 2_000;
    /// Rows of a list.
    pub const ROWS_MAX: usize = 1_000;
    /// Bytes of a form that a person fills in.
    pub const FORM_BYTES_MAX: usize = 128 << 10;
    /// Samples of one imported body; a body with more is refused.
    pub const IMPORTED_SAMPLES_MAX: usize = 500_000;
    /// Labels that the parameters of one import add; more are refused.
    pub const EXTRA_LABELS_MAX: usize = 20;
    /// Wrong passwords in a row for one person, after which sign-in waits.
    pub const SIGN_IN_FAILURES_MAX: u32 = 10;
}
