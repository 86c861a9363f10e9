//! Remembers at which deadline the process is, so that a start knows where the process before it ended.
//!
//! The deadline stands in a file for as long as it is decided. The file is not synced: it is to outlive the process,
//! not the machine. Whether the process panicked, overflowed its stack or was killed makes no difference. A start that
//! finds a deadline there counts it; after [`CRASHES_MAX`] it is quarantined.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use engine::{CRASHES_MAX, WakeReason};

use crate::data_dir::DataDir;
use crate::failure::Failure;

/// Holds the deadline that is being decided; one that is longer is not watched.
const AT_WORK: &str = "at-work";
/// Holds how often the process ended at a deadline.
const CRASHES: &str = "crashes.json";
/// Longest text of a deadline, with its line's end: ids and names are far shorter.
const TEXT_BYTES_MAX: usize = 1024;
/// Deadlines that are counted at a time; beyond it, further ones are not.
const COUNTED_MAX: usize = 100;

/// The watch over one data directory.
pub(crate) struct CrashWatch {
    at_work: File,
    crashes: BTreeMap<String, u32>,
    path: PathBuf,
}

/// A deadline that the process ended at too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeated {
    pub(crate) deadline: WakeReason,
    pub(crate) crashes: u32,
}

impl CrashWatch {
    /// Counts what the process before left behind.
    pub(crate) fn open(data: &DataDir) -> Result<Self, Failure> {
        let marker = data.path(AT_WORK);
        let left = std::fs::read(&marker).unwrap_or_default();
        let path = data.path(CRASHES);
        let counted = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut crashes: BTreeMap<String, u32> = counted.unwrap_or_default();
        if let Some(deadline) = unfinished(&left)
            && (crashes.len() < COUNTED_MAX || crashes.contains_key(deadline))
        {
            let count = crashes.entry(deadline.to_owned()).or_default();
            *count = count.saturating_add(1);
            tracing::warn!(
                deadline,
                count,
                "the process before this one ended while it decided this deadline"
            );
            keep(data, &crashes)?;
        }
        let open = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&marker);
        Ok(Self { at_work: open.map_err(Failure::file("open", &marker))?, crashes, path })
    }

    /// The deadlines that are to be left alone.
    pub(crate) fn repeated(&self) -> Vec<Repeated> {
        let often = self.crashes.iter().filter(|(_, crashes)| **crashes >= CRASHES_MAX);
        let known = often.filter_map(|(text, crashes)| {
            Some(Repeated { deadline: WakeReason::from_text(text)?, crashes: *crashes })
        });
        known.collect()
    }

    /// Right before a deadline is decided.
    pub(crate) fn begins(&self, deadline: &WakeReason) {
        let mut line = deadline.as_text();
        line.push('\n');
        if line.len() <= TEXT_BYTES_MAX {
            self.write(line.as_bytes());
        }
    }

    /// After deadlines were decided.
    pub(crate) fn ended(&mut self, decided: &[(WakeReason, usize)]) {
        if decided.is_empty() {
            return;
        }
        self.write(b"\n");
        self.forget(decided.iter().map(|(deadline, _)| deadline));
    }

    /// What was decided, or is in quarantine by now, is not counted any more.
    pub(crate) fn forget<'d>(&mut self, deadlines: impl Iterator<Item = &'d WakeReason>) {
        if self.crashes.is_empty() {
            return;
        }
        let counted = self.crashes.len();
        for deadline in deadlines {
            self.crashes.remove(&deadline.as_text());
        }
        if self.crashes.len() < counted {
            let text = serde_json::to_vec(&self.crashes).expect("counts have a JSON form");
            if let Err(fault) = std::fs::write(&self.path, text) {
                tracing::warn!(%fault, "the counts of crashes were not written; an old one may count again");
            }
        }
    }

    /// A disk that takes nothing ends the process at the next append; the watch is not what notices.
    fn write(&self, bytes: &[u8]) {
        if let Err(fault) = self.at_work.write_all_at(bytes, 0) {
            tracing::warn!(%fault, "a crash at this deadline would not be counted");
        }
    }
}

/// The deadline of a first line that is not empty.
fn unfinished(left: &[u8]) -> Option<&str> {
    let line = left.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok().filter(|text| WakeReason::from_text(text).is_some())
}

fn keep(data: &DataDir, crashes: &BTreeMap<String, u32>) -> Result<(), Failure> {
    let text = serde_json::to_string(crashes).expect("counts have a JSON form");
    data.write_private(CRASHES, &text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use kernel::PageId;

    use super::*;

    fn deadline(page: u64) -> WakeReason {
        WakeReason::Oncall(oncall::WakeReason::StepTimeout(PageId(page)))
    }

    /// A process that starts, begins to decide and ends there.
    fn crash_at(dir: &std::path::Path, page: u64) -> Vec<Repeated> {
        let watch = CrashWatch::open(&DataDir::lock(dir).unwrap()).unwrap();
        watch.begins(&deadline(page));
        watch.repeated()
    }

    #[test]
    fn the_fourth_start_leaves_a_deadline_alone_at_which_three_ended() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            assert_eq!(crash_at(dir.path(), 7), []);
        }
        assert_eq!(crash_at(dir.path(), 8), [Repeated { deadline: deadline(7), crashes: 3 }]);
    }

    #[test]
    fn a_deadline_that_was_decided_after_all_counts_anew() {
        let dir = tempfile::tempdir().unwrap();
        crash_at(dir.path(), 7);
        crash_at(dir.path(), 7);
        let mut watch = CrashWatch::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
        watch.begins(&deadline(7));
        watch.ended(&[(deadline(7), 1)]);
        drop(watch);
        for _ in 0..3 {
            assert_eq!(crash_at(dir.path(), 7), []);
        }
    }

    #[test]
    fn what_is_no_deadline_of_this_version_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(AT_WORK), "{\"oncall\":\"unheard_of\"}\n").unwrap();
        std::fs::write(dir.path().join(CRASHES), "not JSON").unwrap();
        let watch = CrashWatch::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
        assert_eq!(watch.crashes, BTreeMap::new());
    }
}
