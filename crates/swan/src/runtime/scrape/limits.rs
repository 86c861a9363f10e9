//! How much scraping takes.

use std::time::Duration;

/// Samples that one scrape may bring, whatever the configuration allows; a longer one counts as failed.
pub(super) const SAMPLES_MAX: usize = 500_000;
/// Targets of one job; more are left out, and the log says so.
pub(super) const TARGETS_MAX: usize = 10_000;
/// Dropped targets that a job remembers; more are only counted.
pub(super) const DROPPED_KEPT_MAX: usize = 1_000;
/// Metrics of one target whose meaning is kept.
pub(super) const TARGET_MEANINGS_MAX: usize = 10_000;
/// Metrics of senders whose meaning is kept; more are not noted.
pub(super) const MEANINGS_KEPT_MAX: usize = 50_000;
/// Different meanings of one metric that are kept.
pub(super) const MEANINGS_PER_METRIC_MAX: usize = 20;
/// Bytes of a help text that are kept.
pub(super) const HELP_BYTES_MAX: usize = 2_000;
/// Files that one discovery reads; more are left out.
pub(super) const DISCOVERY_FILES_MAX: usize = 1_000;
/// Bytes of one discovery file or answer; a longer one is not read.
pub(super) const DISCOVERY_BYTES_MAX: usize = 16 << 20;
/// Between two looks whether a discovery file changed.
pub(super) const FILE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a discovery by DNS or HTTP may take.
pub(super) const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Updates of discoveries that wait for their job; one more makes the discovery wait.
pub(super) const UPDATES_QUEUED_MAX: usize = 16;
