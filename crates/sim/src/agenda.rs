use std::collections::BTreeMap;

use kernel::Timestamp;

/// What is going to happen, in order of time; at one instant, in the order in which it was added.
pub(crate) struct Agenda<E> {
    due: BTreeMap<(Timestamp, u64), E>,
    added: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), added: 0 }
    }
}

impl<E> Agenda<E> {
    pub(crate) fn add(&mut self, at: Timestamp, event: E) {
        self.added += 1;
        self.due.insert((at, self.added), event);
    }

    pub(crate) fn next(&mut self) -> Option<(Timestamp, E)> {
        self.due.pop_first().map(|((at, _), event)| (at, event))
    }
}
