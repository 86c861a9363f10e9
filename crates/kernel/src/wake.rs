use crate::Timestamp;

/// The next deadline of something and why it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wake<Why> {
    /// When it is due.
    pub at: Timestamp,
    /// What happens then, and for what.
    pub why: Why,
}
