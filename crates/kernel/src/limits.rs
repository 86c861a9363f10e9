//! How big anything may get. Each limit says what happens past it.

/// Largest request body after decompression; more is answered 413.
pub const BODY_BYTES_MAX: usize = 32 << 20;
/// Largest number of labels of one series; one with more is refused, and the refusal names it.
pub const SERIES_LABELS_MAX: usize = 256;
/// Longest value of a series' label; longer is refused.
pub const SERIES_LABEL_VALUE_BYTES_MAX: usize = 64 << 10;
/// Largest number of labels of one alert; more is refused with the alert named.
pub const LABELS_MAX: usize = 64;
/// Longest label value of an alert; longer is refused.
pub const LABEL_VALUE_BYTES_MAX: usize = 4096;
/// Longest free text a person may write in one note, update or answer.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Commands that may wait for the engine's loop; more are answered 503.
pub const COMMANDS_QUEUED_MAX: usize = 4096;
/// Commands decided before one durable write.
pub const COMMANDS_PER_BATCH_MAX: usize = 256;
/// Facts that one command may lead to before the engine calls it a bug.
pub const FACTS_PER_COMMAND_MAX: usize = 10_000;
/// Notifications on their way to providers at once.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 64;
/// Times an escalation policy may be repeated.
pub const ESCALATION_REPEATS_MAX: u32 = 20;
/// Attempts at one notification before it is given up and the page moves on.
pub const DELIVERY_ATTEMPTS_MAX: u32 = 8;
/// Alerts in one posted body.
pub const ALERTS_PER_REQUEST_MAX: usize = 10_000;
/// Bytes of one compiled regular expression, and more of them for each byte that it is long; larger is refused.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
/// See [`PATTERN_COMPILED_BYTES_MAX`].
pub const PATTERN_COMPILED_BYTES_PER_BYTE_MAX: usize = 256;
/// How often `{n}` of a regular expression may repeat, as in RE2; more is refused.
pub const PATTERN_REPEATS_MAX: usize = 1000;
/// Groups within groups of a regular expression; deeper is refused.
pub const PATTERN_GROUPS_NESTED_MAX: usize = 200;
/// Bytes of a PromQL expression; longer is refused before it is parsed. Dashboards list thousands of values in one.
pub const QUERY_BYTES_MAX: usize = 1 << 20;
/// Nesting of parentheses, braces and brackets of a PromQL expression.
pub const QUERY_NESTING_MAX: usize = 100;
/// Samples that one query may look at.
pub const QUERY_SAMPLES_MAX: usize = 50_000_000;
/// Points per series that a range query may return: 11,000 steps and where they begin, as in Prometheus. Dashboards
/// ask for exactly that many.
pub const QUERY_POINTS_MAX: usize = 11_001;
