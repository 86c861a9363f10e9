//! The journal as it grows, for whoever follows it.
//!
//! A [`Teller`] says what became durable; a follower is handed the entries themselves, and reads the journal only for
//! what it missed. Nobody is waited for: who follows too slowly misses batches.

use std::sync::Arc;

use facts::{Entry, Seq};
use tokio::sync::{broadcast, watch};

/// Batches that wait for a follower; a slower one reads the journal.
const BATCHES_WAITING_MAX: usize = 256;

/// Says what is durable.
#[derive(Debug)]
pub struct Teller {
    head: watch::Sender<u64>,
    batches: broadcast::Sender<Arc<[Entry]>>,
}

/// Where it is heard.
#[derive(Debug, Clone)]
pub struct Live {
    head: watch::Receiver<u64>,
    batches: broadcast::Sender<Arc<[Entry]>>,
}

/// One who follows.
pub(crate) struct Follower {
    batches: broadcast::Receiver<Arc<[Entry]>>,
    /// The last entry that was seen.
    pub(crate) seen: u64,
    /// There are entries after it that no batch will bring.
    pub(crate) is_behind: bool,
}

/// The two ends, of a journal whose last entry is this one.
pub fn channel(head: Seq) -> (Teller, Live) {
    let (teller, head) = watch::channel(head.0);
    let batches = broadcast::Sender::new(BATCHES_WAITING_MAX);
    (Teller { head: teller, batches: batches.clone() }, Live { head, batches })
}

impl Teller {
    /// These entries are durable, and this is the last one.
    pub fn tell(&self, head: Seq, entries: &[Entry]) {
        self.head.send_replace(head.0);
        if !entries.is_empty() && self.batches.receiver_count() > 0 {
            // Who left meanwhile is not told.
            _ = self.batches.send(entries.into());
        }
    }
}

impl Live {
    /// The last durable entry.
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Follows what comes after an entry; without one, what comes from now on.
    pub(crate) fn follow(&self, after: Option<u64>) -> Follower {
        // Before the head is looked at, so that every entry after that comes in a batch.
        let batches = self.batches.subscribe();
        let head = self.head();
        let seen = after.unwrap_or(head);
        Follower { batches, seen, is_behind: seen < head }
    }
}

impl Follower {
    /// The entries that come next; none where the journal has to be read for them. `None` when there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Vec<Entry>> {
        loop {
            match self.batches.recv().await {
                Ok(batch) if batch.first().is_some_and(|first| first.seq.0 > self.seen + 1) => {
                    self.is_behind = true;
                    return Some(Vec::new());
                }
                Ok(batch) => {
                    let new: Vec<Entry> =
                        batch.iter().filter(|entry| entry.seq.0 > self.seen).cloned().collect();
                    let Some(last) = new.last() else { continue };
                    self.seen = last.seq.0;
                    return Some(new);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.is_behind = true;
                    return Some(Vec::new());
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::Fact;
    use facts::configuration::Configuration;
    use kernel::{Actor, Timestamp};

    use super::*;

    fn entry(seq: u64) -> Entry {
        let (hash, configuration) = (String::new(), Configuration::default());
        let fact = facts::ConfigurationApplied { hash, source: String::new(), configuration };
        Entry {
            seq: Seq(seq),
            at: Timestamp::default(),
            actor: Actor::Configuration,
            fact: Fact::ConfigurationApplied(Box::new(fact)),
        }
    }

    fn seqs(entries: Option<Vec<Entry>>) -> Vec<u64> {
        entries.expect("the teller is there").iter().map(|entry| entry.seq.0).collect()
    }

    #[tokio::test]
    async fn who_follows_is_handed_what_comes_and_what_was_seen_is_not_repeated() {
        let (teller, live) = channel(Seq(3));
        teller.tell(Seq(4), &[entry(4)]);
        let mut follower = live.follow(None);
        assert!(!follower.is_behind && follower.seen == 4);
        teller.tell(Seq(6), &[entry(5), entry(6)]);
        assert_eq!(seqs(follower.next().await), [5, 6]);
        follower.seen = 7;
        teller.tell(Seq(8), &[entry(7), entry(8)]);
        assert_eq!(seqs(follower.next().await), [8]);
        drop((teller, live));
        assert!(follower.next().await.is_none());
    }

    #[tokio::test]
    async fn who_missed_something_is_told_to_read_it() {
        let (teller, live) = channel(Seq(3));
        assert!(live.follow(Some(1)).is_behind);
        let mut follower = live.follow(None);
        for seq in 4..4 + 2 * BATCHES_WAITING_MAX as u64 {
            teller.tell(Seq(seq), &[entry(seq)]);
        }
        assert_eq!(seqs(follower.next().await), [0; 0]);
        assert!(follower.is_behind);
        // The journal was read up to here; batches of what it had are passed over.
        (follower.seen, follower.is_behind) = (live.head(), false);
        let next = live.head() + 1;
        follower.batches = follower.batches.resubscribe();
        teller.tell(Seq(next - 1), &[entry(next - 1)]);
        teller.tell(Seq(next), &[entry(next)]);
        assert_eq!(seqs(follower.next().await), [next]);
    }
}
