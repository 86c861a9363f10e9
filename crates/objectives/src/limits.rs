//! How big anything here may get. Each limit says what happens past it.

/// Slices that one command may carry, a day of minutes; more are refused, and the caller sends them in parts.
pub const SLICES_PER_COMMAND_MAX: usize = 1_440;
/// Runs of equal verdicts that one objective keeps in memory, eight bytes each: about four years of minutes even
/// where every minute differs from the one before. The oldest eighth leaves; the journal keeps it.
pub const STRETCHES_KEPT_MAX: usize = 2_000_000;
/// Down slices, with their readings, that one objective keeps; the oldest leave, the journal keeps them.
pub const DOWN_SLICES_KEPT_MAX: usize = 500_000;
/// Slices judged more than once that one objective remembers as such; the oldest leave, the journal keeps them.
pub const REJUDGED_SLICES_KEPT_MAX: usize = 100_000;
/// How often one slice may be judged again and be remembered for it; the oldest leave, the journal keeps them.
pub const REJUDGEMENTS_OF_SLICE_MAX: usize = 20;
/// Outages of all services; the oldest leave, their streams stay.
pub const OUTAGES_KEPT_MAX: usize = 100_000;
/// How often a service's first objective may change and the ledger still tell which one judged when; past it the
/// oldest are forgotten, and the ledger of that time is read from the next.
pub const LEDGER_SPELLS_MAX: usize = 1_000;
/// Windows of one objective whose spent budget was told; the oldest are forgotten, and told of once more if a
/// correction reaches so far back.
pub const BUDGET_WINDOWS_TOLD_MAX: usize = 64;
/// Days that one view returns; of a longer period, the latest.
pub const DAYS_SHOWN_MAX: usize = 3_700;
/// Longest reason of a correction; a longer one is refused.
pub const REASON_BYTES_MAX: usize = 2_000;
/// Longest name of a cause; a longer one is refused.
pub const CAUSE_BYTES_MAX: usize = 200;
/// Longest note of an attribution; a longer one is refused.
pub const NOTE_BYTES_MAX: usize = 4_000;
