//! What people can rely on: who is on call, whom a page wakes, and when.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod calendar;
mod paging;
mod play;
mod random;
