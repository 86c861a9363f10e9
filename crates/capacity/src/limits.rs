//! How big anything here may get.

/// Longest detail of a reading that failed; what is longer is cut.
pub const DETAIL_BYTES_MAX: usize = 500;
