//! Companions: series that the store keeps beside those that were sent, and how they are told apart. What they have is
//! said in [`starts`](crate::starts).

/// The name of the label that companions have. It sorts before every other name.
pub const RESERVED_LABEL: &str = "\0";
/// Its value for the starts of floats.
pub(crate) const OF_FLOATS: &str = "f";
/// Its value for the starts of histograms.
pub(crate) const OF_HISTOGRAMS: &str = "h";
/// The source whose series companions are.
pub(crate) const STARTS: &str = "starts";

/// Which series a selection is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Those that were sent.
    Samples,
    /// Their companions.
    Starts,
    /// Both.
    All,
}

/// Whether sorted labels have the reserved one.
#[inline]
pub(crate) fn are_reserved(labels: &[(&str, &str)]) -> bool {
    labels.first().is_some_and(|(name, _)| *name == RESERVED_LABEL)
}
