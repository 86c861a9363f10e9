use kernel::Span;

/// What a fault says about another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The attempt had no effect; another may succeed, not before `after` where the other side named a time.
    Retry {
        /// How long the other side asked to be left alone, at most [`RETRY_AFTER_MAX`](crate::limits::RETRY_AFTER_MAX).
        after: Option<Span>,
    },
    /// The attempt had no effect, and the same attempt will not have one later either.
    GiveUp,
    /// The other side may or may not have acted on the attempt.
    OutcomeUnknown,
}

impl Advice {
    pub(crate) const RETRY: Self = Self::Retry { after: None };
}
