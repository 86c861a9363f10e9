//! The wall clock, and waiting: this is a program that measures, so time is what it asks for.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Outcome;

/// Between two looks at something that cannot tell by itself that it changed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    now_us() / 1000
}

/// Microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "samples and facts carry the wall clock's time")]
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Does nothing for so long.
pub(crate) fn pause(span: Duration) {
    let until = Instant::now() + span;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Looks until there is something to see, no longer than `limit`.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if begun.elapsed() > limit {
            return Err(format!("waited {limit:?} for {what}").into());
        }
        pause(LOOK_EVERY);
    }
}
