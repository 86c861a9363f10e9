//! The shell around the engine: time, samples, sockets and files. Everything here submits commands and hands intents
//! over; nothing here decides.

pub(crate) mod access_logs;
pub(crate) mod ceilings;
pub(crate) mod checks;
pub(crate) mod crash_watch;
pub(crate) mod delivery;
pub(crate) mod engine_loop;
pub(crate) mod heartbeats;
pub(crate) mod herald;
pub(crate) mod instruments;
pub(crate) mod judge;
pub(crate) mod maintenance;
pub(crate) mod requests;
pub(crate) mod rules;
pub(crate) mod scrape;
pub(crate) mod secrets;
#[cfg(test)]
pub(crate) mod stage;
pub(crate) mod supervisor;
