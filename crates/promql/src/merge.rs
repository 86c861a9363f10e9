//! Series by all their labels: two with the same labels become one, unless both have a value at a step.

use kernel::Labels;

use crate::QueryRefusal;
use crate::column::{Column, Name, Row, Series, is_present};
use crate::grouping::{Grouping, Groups};

/// What Prometheus says where two series would have the same labels.
pub(crate) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

pub(crate) struct Merged {
    groups: Groups<'static>,
    columns: Vec<(Name, Column)>,
    overlap: &'static str,
    /// Whether the same labels twice are too much even without a common step.
    is_strict: bool,
}

impl Merged {
    /// `overlap` is what is said where two series with the same labels have a value at the same step.
    pub(crate) fn new(overlap: &'static str, is_strict: bool) -> Self {
        Self { groups: Groups::new(&Grouping::All), columns: Vec::new(), overlap, is_strict }
    }

    /// Adds a series; gives the bytes that it takes up, estimated.
    pub(crate) fn add(&mut self, lent: Row<'_>) -> Result<usize, QueryRefusal> {
        let at = self.groups.place(lent.labels, lent.name == Name::Dropped);
        let conflict = || QueryRefusal::Conflict { problem: self.overlap.to_owned() };
        if at == self.columns.len() {
            let name = if lent.name == Name::Dropped { Name::Kept } else { lent.name };
            let column = lent.column.to_owned();
            let bytes = column.bytes();
            self.columns.push((name, column));
            return Ok(bytes);
        }
        if self.is_strict {
            return Err(conflict());
        }
        let column = &mut self.columns[at].1;
        for (step, value) in lent.column.floats.iter().enumerate() {
            let histogram = lent.column.histogram(step);
            if !is_present(*value) && histogram.is_none() {
                continue;
            }
            if column.as_ref().has(step) {
                return Err(conflict());
            }
            column.floats[step] = *value;
            if let Some(histogram) = histogram {
                column.set_histogram(step, histogram.clone());
            }
        }
        Ok(0)
    }

    pub(crate) fn into_series(self) -> impl Iterator<Item = Series> {
        let labels: Vec<Labels> = self.groups.into_labels();
        labels.into_iter().zip(self.columns).map(|(labels, (name, column))| Series { labels, name, column })
    }
}
