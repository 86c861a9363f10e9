//! How big a back-test may get. Each limit says what happens past it.

use kernel::{Span, Timestamp};

/// The earliest time that is tested, and evaluated before a test; earlier is refused. The engine's own time begins here.
pub(crate) const EARLIEST: Timestamp = Timestamp::from_millis(0);
/// Longest time that one test covers; longer is refused.
pub(crate) const SPAN_MAX: Span = Span::from_days(366);
/// Evaluations of all rules of one set; more are refused.
pub(crate) const EVALUATIONS_MAX: u64 = 500_000_000;
/// Rules of one file; more are refused.
pub(crate) const RULES_MAX: usize = 5_000;
/// Longest time before the tested one that is evaluated so that what already held is known; `for` and ranges over
/// recorded series that reach further back are cut off there.
pub(crate) const WARM_UP_MAX: Span = Span::from_days(7);
/// Stretches that may be skipped; more are refused.
pub(crate) const SKIPS_MAX: usize = 1_000;
/// Instants of one rule that are evaluated with one query, at first and at most.
pub(crate) const STEPS_PER_QUERY_FIRST: usize = 1_024;
/// See [`STEPS_PER_QUERY_FIRST`].
pub(crate) const STEPS_PER_QUERY_MAX: usize = 11_000;
/// Points of all rules that are held at once; past it the time that is evaluated at once becomes shorter.
pub(crate) const POINTS_HELD_MAX: usize = 8_000_000;
/// Samples that recording rules of the file may give; past it the test is refused.
pub(crate) const RECORDED_SAMPLES_MAX: usize = 100_000_000;
/// Queries of one rule that may fail, while the instants are looked for at which it cannot be evaluated; past it the
/// rest of the queries that fail count as failed as a whole.
pub(crate) const FAILED_QUERIES_MAX: usize = 2_000;
/// Firings of one rule that are listed; the rest is counted.
pub(crate) const FIRINGS_LISTED_MAX: usize = 200;
/// Firings of one set of rules that are remembered for incidents; past it incidents may count as missed, and the
/// report would be useless anyway: the test is refused.
pub(crate) const FIRINGS_MAX: usize = 1_000_000;
/// Incidents that are listed, the newest first; older ones are left out.
pub(crate) const INCIDENTS_MAX: usize = 10_000;
