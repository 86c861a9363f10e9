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
/// Labels of all series and exemplars of one remote write request; a request with more is refused.
pub const WRITE_LABELS_MAX: usize = 4_000_000;
/// Strings in the table of one remote write 2.0 request; a request with more is refused.
pub const WRITE_SYMBOLS_MAX: usize = 2_000_000;
/// Buckets of all native histograms of one remote write request; a request with more is refused.
pub const WRITE_BUCKETS_MAX: usize = 2_000_000;
/// Exemplars, and metadata entries, of one remote write request; a request with more of one is refused.
pub const WRITE_EXTRAS_MAX: usize = 500_000;
/// Buckets, and custom bounds, of one native histogram; one with more is refused with its series named.
pub const HISTOGRAM_BUCKETS_MAX: usize = 10_000;
/// Spans of one native histogram; one with more is refused with its series named.
pub const HISTOGRAM_SPANS_MAX: usize = 10_000;
/// Characters of the labels of one exemplar, as OpenMetrics has it; one with more is refused.
pub const EXEMPLAR_CHARS_MAX: usize = 128;
/// Bytes of a decoded request body that a decoder keeps for the next one; a larger buffer is given back.
pub const WRITE_BUFFER_BYTES_KEPT: usize = 8 << 20;
/// Entries of a decoder's lists that it keeps room for; longer ones are given back.
pub const WRITE_ENTRIES_KEPT: usize = 200_000;
