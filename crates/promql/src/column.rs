//! The values of one series at every step of a query.
//!
//! A column has one value per step. Where the series has none, it holds the staleness marker, which no
//! arithmetic gives; so a selector copies markers as they are, and a column costs eight bytes a step.

use kernel::Labels;

use crate::grouping::{Grouping, Groups};
use crate::{QueryRefusal, STALE_NAN, is_stale};

/// No value at this step.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// Whether there is a value at this step.
#[inline]
pub(crate) const fn is_present(value: f64) -> bool {
    !is_stale(value)
}

/// The evaluated instants, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) first: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) column: Vec<f64>,
}

/// A scalar at every step.
#[derive(Debug, Clone)]
pub(crate) enum Scalars {
    Constant(f64),
    PerStep(Vec<f64>),
}

impl Steps {
    /// Wrapping is right here: the instant itself fits, though its distance from the first may not.
    #[inline]
    pub(crate) fn at(self, index: usize) -> i64 {
        self.first.wrapping_add(self.step.wrapping_mul(index as i64))
    }

    pub(crate) fn last(self) -> i64 {
        self.at(self.count - 1)
    }
}

impl Scalars {
    #[inline]
    pub(crate) fn at(&self, index: usize) -> f64 {
        match self {
            Scalars::Constant(value) => *value,
            Scalars::PerStep(values) => values[index],
        }
    }

    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Scalars::Constant(value) => Scalars::Constant(f(value)),
            Scalars::PerStep(values) => Scalars::PerStep(values.into_iter().map(f).collect()),
        }
    }

    pub(crate) fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Scalars::Constant(a), other) => other.map(|b| f(a, b)),
            (own, Scalars::Constant(b)) => own.map(|a| f(a, b)),
            (Scalars::PerStep(a), Scalars::PerStep(b)) => {
                Scalars::PerStep(a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect())
            }
        }
    }
}

/// Series by all their labels. Two with the same labels become one, unless both have a value at a step.
pub(crate) struct Merged<'g> {
    groups: Groups<'g>,
    columns: Vec<Vec<f64>>,
    overlap: &'static str,
}

impl Merged<'static> {
    /// `overlap` is what is said where two series with the same labels have a value at the same step.
    pub(crate) fn new(overlap: &'static str) -> Self {
        Self { groups: Groups::new(&Grouping::All), columns: Vec::new(), overlap }
    }

    pub(crate) fn add(&mut self, labels: &Labels, column: &[f64]) -> Result<(), QueryRefusal> {
        let at = self.groups.place(labels);
        if at == self.columns.len() {
            self.columns.push(column.to_vec());
            return Ok(());
        }
        for (value, added) in self.columns[at].iter_mut().zip(column) {
            if is_present(*added) {
                if is_present(*value) {
                    return Err(QueryRefusal::Conflict { problem: self.overlap.to_owned() });
                }
                *value = *added;
            }
        }
        Ok(())
    }

    pub(crate) fn into_series(self) -> impl Iterator<Item = Series> {
        let labels = self.groups.into_labels();
        labels.into_iter().zip(self.columns).map(|(labels, column)| Series { labels, column })
    }
}
