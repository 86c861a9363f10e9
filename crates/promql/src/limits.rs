//! How big anything of a query may get, beside `kernel::limits`.

/// Regular expressions in one query; more are refused.
pub const QUERY_REGEXES_MAX: usize = 1_000;
/// Operators in one query, unary ones included; more are refused, because `1+1+1+…` nests as deeply as
/// parentheses do, and every level takes stack.
pub const QUERY_OPERATORS_MAX: usize = 2_500;
/// Characters of a query that a refusal repeats.
pub const QUOTED_CHARS_MAX: usize = 1_000;
/// Longest range or offset in seconds, about 300 years; longer is refused.
pub const DURATION_SECS_MAX: f64 = 1e10;
/// Points that one query may compute, intermediate results included.
pub const QUERY_POINTS_COMPUTED_MAX: usize = 50_000_000;
/// Parts of one selection that are read at the same time.
pub const PARTS_MAX: usize = 16;
/// Annotations that one query keeps; more are counted.
pub const ANNOTATIONS_MAX: usize = 1000;
/// Series that one query may hold at once, intermediate results included.
pub const QUERY_SERIES_MAX: usize = 5_000_000;
/// Memory that one query may hold at once, estimated, in bytes.
pub const QUERY_MEMORY_BYTES_MAX: usize = 4 << 30;
