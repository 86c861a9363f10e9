//! How big anything here may get.

/// Longest detail of a failed probe or job; what is longer is cut.
pub const DETAIL_BYTES_MAX: usize = 1_000;
