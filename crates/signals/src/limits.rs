//! How big anything that arrives may get. Each limit says what happens past it.

/// Characters of offending text that an error repeats; the rest becomes `…`.
pub const TEXT_SHOWN_CHARS_MAX: usize = 80;
/// Longest line of request events; a longer one is reported and skipped.
pub const EVENT_LINE_BYTES_MAX: usize = 64 << 10;
/// Errors that one body of request events is answered with; the rest is only counted.
pub const EVENT_ERRORS_MAX: usize = 100;
/// Longest service name or route of a request event; a longer one is refused.
pub const EVENT_NAME_BYTES_MAX: usize = 256;
/// Requests that one event may stand for; more is refused.
pub const EVENT_COUNT_MAX: u64 = 1_000_000_000;
/// Longest line that a replay reads; a longer one counts as unparsable.
pub const REPLAY_LINE_BYTES_MAX: usize = 1 << 20;
/// Unparsable lines that a replay shows; the rest is only counted.
pub const REPLAY_UNPARSABLE_SHOWN_MAX: usize = 20;
/// Different slices that a replay keeps (nine years of minutes); a line in one more counts as unparsable.
pub const REPLAY_SLICES_MAX: usize = 5_000_000;
/// Slices of all sources together that are tallied at once; one more is not counted, and the caller is told.
pub const TALLIED_SLICES_MAX: usize = 1_000_000;
/// Zones of one NGINX status snapshot; a snapshot with more is refused.
pub const NGINX_ZONES_MAX: usize = 10_000;
/// NGINX servers, by their address, that are followed at once; a snapshot of one more is refused.
pub const NGINX_SERVERS_MAX: usize = 10_000;
/// Samples in one remote write request; a request with more is refused.
pub const WRITE_SAMPLES_MAX: usize = 2_000_000;
/// Series in one remote write request; a request with more is refused.
pub const WRITE_SERIES_MAX: usize = 500_000;
/// Refused series that the answer to one remote write request describes; the rest is only counted.
pub const WRITE_REFUSED_SHOWN_MAX: usize = 20;
