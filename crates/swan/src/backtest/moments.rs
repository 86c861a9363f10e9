//! The instants at which a rule's evaluation can change anything.
//!
//! A rule whose elements are the same as at the evaluation before changes nothing, until a `for` or a
//! `keep_firing_for` has passed. So the alerting slice is asked only where an element appears or disappears, and where
//! one of its own facts says that time alone will decide. All that is decided is decided by the slice.

use std::collections::{BTreeSet, HashSet};

use alerting::limits::TRANSITIONS_PER_EVALUATION_MAX;
use facts::configuration::Rule;
use kernel::{Labels, Timestamp};

use super::evaluate::{Column, Columns, Grid};

/// What is known of a rule from one stretch of time to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The elements at the last instant.
    present: HashSet<Labels>,
    /// When time alone decides something.
    pub(crate) deadlines: BTreeSet<Timestamp>,
    /// Whether the last evaluation was refused.
    refused: bool,
}

/// A rule over one stretch of time.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) rule: usize,
    /// The instants at which it is evaluated.
    times: Vec<Timestamp>,
    columns: Vec<Column>,
    /// Where each column was read last.
    cursors: Vec<usize>,
    /// The instants, by index, at which elements change.
    marks: Vec<usize>,
    next_mark: usize,
    /// The first instant, by index, that was not passed yet.
    unjudged: usize,
    /// Instants at which the slice refused the evaluation.
    pub(crate) refusals: u64,
}

/// Whether the identity of a rule's alerts can depend on the reading.
pub(crate) fn labels_follow_value<'l>(mut labels: impl Iterator<Item = &'l String>) -> bool {
    labels.any(|text| text.contains("{{") && (text.contains("value") || text.contains("Value")))
}

impl Lane {
    /// Reads where elements come and go. Instants that `is_skipped` says and that could not be evaluated do not count:
    /// whatever held before them goes on.
    pub(crate) fn new(
        rule: usize,
        settings: &Rule,
        grid: Grid,
        found: Columns,
        is_skipped: &dyn Fn(Timestamp) -> bool,
        memory: &mut Memory,
    ) -> Self {
        let failed: HashSet<Timestamp> = found.failed.iter().copied().collect();
        let all = (0..grid.count).map(|index| grid.at(index));
        let times: Vec<Timestamp> = all.filter(|at| !failed.contains(at) && !is_skipped(*at)).collect();
        let is_whole = times.len() == grid.count;
        let mut columns: Vec<Column> = found.all;
        if !is_whole {
            for column in &mut columns {
                column.floats.retain(|(at, _)| !is_skipped(*at));
            }
        }
        columns.retain(|column| !column.floats.is_empty());
        let marks = Marking { times: &times, step: is_whole.then_some(grid.step), is_marked: Vec::new() }
            .mark(&columns, settings, memory);
        let cursors = vec![0; columns.len()];
        Self { rule, times, columns, cursors, marks, next_mark: 0, unjudged: 0, refusals: 0 }
    }

    /// How many instants there are.
    pub(crate) fn evaluations(&self) -> u64 {
        self.times.len() as u64
    }

    /// The next instant at which the slice has to be asked.
    pub(crate) fn next(&self, memory: &Memory) -> Option<Timestamp> {
        self.next_index(memory).map(|index| self.times[index])
    }

    fn next_index(&self, memory: &Memory) -> Option<usize> {
        let marked = self.marks[self.next_mark..].iter().find(|mark| **mark >= self.unjudged).copied();
        let due = memory.deadlines.first().map(|due| self.times.partition_point(|at| at < due));
        let due = due.map(|index| index.max(self.unjudged)).filter(|index| *index < self.times.len());
        marked.into_iter().chain(due).min()
    }

    /// All elements at the instant that [`next`](Self::next) gave; what was due by then is no longer due.
    pub(crate) fn elements(&mut self, memory: &mut Memory) -> Vec<(Labels, f64)> {
        let Some(index) = self.next_index(memory) else { return Vec::new() };
        if memory.refused {
            self.refusals += (index - self.unjudged) as u64;
        }
        let at = self.times[index];
        self.unjudged = index + 1;
        while self.marks.get(self.next_mark).is_some_and(|mark| *mark <= index) {
            self.next_mark += 1;
        }
        memory.deadlines = memory.deadlines.split_off(&(at + kernel::Span::from_millis(1)));
        let columns = self.columns.iter().zip(&mut self.cursors);
        columns
            .filter_map(|(column, cursor)| {
                let value = value_at(&column.floats, cursor, at)?;
                Some((column.labels.clone(), value))
            })
            .collect()
    }

    /// Whether the evaluation was refused, which stays so until elements change.
    pub(crate) fn judged(&mut self, memory: &mut Memory, is_refused: bool) {
        memory.refused = is_refused;
        self.refusals += u64::from(is_refused);
    }

    /// Counts what was refused up to the end.
    pub(crate) fn end(&mut self, memory: &Memory) {
        if memory.refused {
            self.refusals += (self.times.len() - self.unjudged) as u64;
        }
    }
}

/// The value at an instant, looked for from where the column was read last.
fn value_at(floats: &[(Timestamp, f64)], cursor: &mut usize, at: Timestamp) -> Option<f64> {
    const LINEAR: usize = 8;
    let rest = &floats[*cursor..];
    let near = rest.iter().take(LINEAR).position(|(found, _)| *found >= at);
    *cursor += near.unwrap_or_else(|| rest.partition_point(|(found, _)| *found < at));
    floats.get(*cursor).filter(|(found, _)| *found == at).map(|(_, value)| *value)
}

struct Marking<'m> {
    times: &'m [Timestamp],
    /// The distance of the instants, where none of them is left out.
    step: Option<kernel::Span>,
    is_marked: Vec<bool>,
}

impl Marking<'_> {
    fn mark(mut self, columns: &[Column], rule: &Rule, memory: &mut Memory) -> Vec<usize> {
        let count = self.times.len();
        if count == 0 {
            return Vec::new();
        }
        self.is_marked = vec![false; count];
        let mut present = HashSet::new();
        for column in columns {
            let was_present = memory.present.remove(&column.labels);
            if self.runs(&column.floats, was_present) {
                present.insert(column.labels.clone());
            }
        }
        if !memory.present.is_empty() {
            self.is_marked[0] = true;
        }
        let many = columns.len() + memory.present.len() > TRANSITIONS_PER_EVALUATION_MAX;
        let any = !columns.is_empty() || !memory.present.is_empty();
        memory.present = present;
        if many || (any && labels_follow_value(rule.labels.values())) {
            return (0..count).collect();
        }
        (0..count).filter(|index| self.is_marked[*index]).collect()
    }

    /// Marks where an element appears and disappears; whether it is there at the last instant.
    fn runs(&mut self, floats: &[(Timestamp, f64)], was_present: bool) -> bool {
        let mut next = 0;
        let mut is_open = was_present;
        let mut expected = self.times[0];
        for (at, _) in floats {
            if *at != expected || !is_open {
                // It was there up to the instant before `next`, and is again from here on.
                if is_open {
                    self.is_marked[next] = true;
                }
                let index = self.index(*at);
                self.is_marked[index] = true;
                is_open = true;
                next = index;
            }
            next += 1;
            expected = match self.step {
                Some(step) => *at + step,
                None => self.times.get(next).copied().unwrap_or(Timestamp::from_millis(i64::MAX)),
            };
        }
        if is_open && next < self.times.len() {
            self.is_marked[next] = true;
            is_open = false;
        }
        is_open
    }

    fn index(&self, at: Timestamp) -> usize {
        match self.step {
            Some(step) => {
                let index = (at - self.times[0]).as_millis() / step.as_millis();
                usize::try_from(index).expect("a result is at an instant of its grid")
            }
            None => self.times.partition_point(|found| *found < at),
        }
    }
}
