use std::fmt;

use kernel::Timestamp;

/// A promise of GUARANTEES.md that the simulation holds Swan to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// No accepted critical alert is lost, and the reason why nobody was paged is recorded and true.
    G1,
    /// Duplicates only of what was on its way, always under the same key.
    G2,
    /// No page after a durable acknowledgement.
    G4,
    /// No escalation step is skipped, early or late; an empty one passes on at once and says so.
    G5,
    /// What was answered, and what left the house, is durable.
    G6,
    /// State is replay, and one seed gives one journal.
    G7,
    /// Nobody is paged for what is over.
    G11,
    /// Not a promise of its own: the program stopped itself with an assertion.
    Bug,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Promise::G1 => "G-1",
            Promise::G2 => "G-2",
            Promise::G4 => "G-4",
            Promise::G5 => "G-5",
            Promise::G6 => "G-6",
            Promise::G7 => "G-7",
            Promise::G11 => "G-11",
            Promise::Bug => "bug",
        })
    }
}

/// A promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub promise: Promise,
    /// The seed that shows it.
    pub seed: u64,
    /// The simulated time.
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken by seed {} at {}: {}", self.promise, self.seed, self.at, self.what)
    }
}

impl std::error::Error for Broken {}

/// A promise and what was seen of it; the simulation adds where and when.
pub(crate) type Seen = (Promise, String);
