//! The slice as its users meet it: commands in, people told or not, in virtual time.
#![expect(clippy::unwrap_used, reason = "in a test, the surprise is the failure")]

mod elsewhere;
mod groups;
mod low_lane;
mod play;
mod random;
mod rules;
mod silences;
mod storms;
mod views;
