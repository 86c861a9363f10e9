//! How big and how long anything in this slice may get. Each limit says what happens past it.
//!
//! The leases, waits, pauses and numbers of what is kept are read while facts are applied, so they belong to the
//! meaning of those facts: another figure comes with another fact, or an old journal replays to another state.

use kernel::Span;

/// How long an attempt may be without an outcome; then it counts as unknown. Longer than a delivery worker may take.
pub const ATTEMPT_LEASE: Span = Span::from_secs(60);
/// How long until a message whose outcome is unknown is sent again under the same key.
pub const UNKNOWN_RETRY_AFTER: Span = Span::from_secs(30);
/// Wait after the first refusal; each later one doubles it.
pub const BACKOFF_MIN: Span = Span::from_secs(1);
/// Longest wait after a refusal, whatever the provider asks for.
pub const BACKOFF_MAX: Span = Span::from_secs(60);
/// How long a page whose policy ended without an acknowledgement rests before it starts again with the first step.
pub const EXHAUSTED_PAGE_PAUSE: Span = Span::from_mins(15);
/// How long everybody is waited for who was notified because no step of the policy had anybody.
pub const LAST_RESORT_WAIT: Span = Span::from_mins(5);
/// Shortest wait of a step; a shorter one counts as this, so that a page cannot flood the providers.
pub const STEP_WAIT_MIN: Span = Span::from_secs(10);
/// Longest wait of a step; a longer one counts as this.
pub const STEP_WAIT_MAX: Span = Span::from_days(7);
/// Steps of a policy that are walked; later ones are not. `swan check` refuses a longer policy.
pub const STEPS_PER_POLICY_MAX: usize = 20;
/// Contacts that one step notifies; the step's later ones are not notified.
pub const NOTIFICATIONS_PER_STEP_MAX: usize = 100;
/// Notifications of one page on their way at once; past it nobody can pass the page on by hand.
pub const PENDING_PER_PAGE_MAX: usize = 5_000;
/// Notifications of one open page kept in memory; the oldest that need nothing leave, the stream stays.
pub const NOTIFICATIONS_KEPT_PER_PAGE_MAX: usize = 500;
/// Abandoned attempts of pages that are over whose late report can still be recorded; the oldest leave.
pub const LATE_REPORTS_MAX: usize = 1_000;
/// Attempts that one `Resume` takes up; the rest follow with the next.
pub const RESUMED_PER_COMMAND_MAX: usize = 1_000;
/// Open pages that people opened by hand; more are refused. Pages of alerts are never refused.
pub const PAGES_BY_HAND_MAX: usize = 1_000;
/// Headers of pages that are over kept in memory; the oldest leave, their streams stay.
pub const CLOSED_HEADERS_MAX: usize = 2_000;
/// Longest title of a page; a longer one is shortened, because a page is never refused for its length.
pub const TITLE_BYTES_MAX: usize = 300;
/// Longest body of a page or message; a longer one is shortened.
pub const BODY_BYTES_MAX: usize = 8 << 10;
/// Longest reason that a person gives, and longest answer of a provider that is kept; longer ones are shortened.
pub const DETAIL_BYTES_MAX: usize = 500;
/// Overrides in memory that are not over; more are refused.
pub const OVERRIDES_MAX: usize = 10_000;
/// Longest override; a longer one is refused.
pub const OVERRIDE_LENGTH_MAX: Span = Span::from_days(366);
/// How far ahead an override may begin; a later one is refused.
pub const OVERRIDE_AHEAD_MAX: Span = Span::from_days(731);
/// How long an override that is over stays in memory, for calendars of the past.
pub const OVERRIDE_KEPT_AFTER_END: Span = Span::from_days(35);
/// Shifts that one question about a calendar is answered with; later ones are left out.
pub const SHIFTS_MAX: usize = 10_000;
/// How far ahead the end of a present shift is looked for.
pub const SHIFT_HORIZON: Span = Span::from_days(60);
