//! The values of one series at every step of a query.
//!
//! A column has one value per step. Where the series has no number there, it holds the staleness marker, which no
//! arithmetic gives; so a selector copies markers as they are, and a column costs eight bytes a step. Native
//! histograms are beside the numbers, in a list that is empty where the series has none.

use std::sync::Arc;

use kernel::Labels;

use crate::{Histogram, LabelView, METRIC_NAME, STALE_NAN, is_stale};

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

/// A native histogram at a step, where there is one.
pub(crate) type Cell = Option<Arc<Histogram>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) floats: Vec<f64>,
    /// As long as `floats`, or empty.
    pub(crate) histograms: Vec<Cell>,
}

/// A column that is lent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnRef<'c> {
    pub(crate) floats: &'c [f64],
    pub(crate) histograms: &'c [Cell],
}

/// What became of a series' metric name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Kept,
    /// It is among the labels still, but is none of them any more.
    Dropped,
    /// It will be dropped when the whole query is evaluated, and is a label until then.
    ToDrop,
}

#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) name: Name,
    pub(crate) column: Column,
}

/// A series that is lent.
#[derive(Clone, Copy)]
pub(crate) struct Row<'l> {
    pub(crate) labels: &'l dyn LabelView,
    pub(crate) name: Name,
    pub(crate) column: ColumnRef<'l>,
}

/// Labels without the source's numbers for them, which hold within one selection only: what follows another
/// selection's series into the same place is seen through this.
pub(crate) struct Unnumbered<'l>(pub(crate) &'l dyn LabelView);

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

    /// At one instant only.
    pub(crate) const fn once(at: i64) -> Self {
        Self { first: at, step: 1, count: 1 }
    }
}

impl Column {
    pub(crate) fn as_ref(&self) -> ColumnRef<'_> {
        ColumnRef { floats: &self.floats, histograms: &self.histograms }
    }

    pub(crate) fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
    }

    /// Without any value.
    pub(crate) fn absent(steps: usize) -> Self {
        Self { floats: vec![ABSENT; steps], histograms: Vec::new() }
    }

    pub(crate) fn copy(&mut self, of: ColumnRef<'_>) {
        self.clear();
        self.floats.extend_from_slice(of.floats);
        self.histograms.extend_from_slice(of.histograms);
    }

    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.floats.len(), None);
        }
        self.histograms[step] = Some(histogram);
    }

    /// A histogram as the next value.
    pub(crate) fn push_histogram(&mut self, histogram: Arc<Histogram>) {
        self.floats.push(ABSENT);
        self.histograms.resize(self.floats.len(), None);
        if let Some(last) = self.histograms.last_mut() {
            *last = Some(histogram);
        }
    }

    /// Makes the lists equally long after pushes.
    pub(crate) fn even_out(&mut self) {
        if !self.histograms.is_empty() {
            self.histograms.resize(self.floats.len(), None);
        }
    }

    /// Bytes that it takes, estimated; a histogram that several columns share counts in each.
    pub(crate) fn bytes(&self) -> usize {
        let cells = self.histograms.iter().map(|cell| 8 + cell.as_ref().map_or(0, |one| one.bytes()));
        self.floats.len() * 8 + cells.sum::<usize>()
    }
}

impl<'c> ColumnRef<'c> {
    pub(crate) fn of_floats(floats: &'c [f64]) -> Self {
        Self { floats, histograms: &[] }
    }

    pub(crate) fn is_empty(self) -> bool {
        !self.floats.iter().any(|value| is_present(*value)) && self.histograms.iter().all(Option::is_none)
    }

    #[inline]
    pub(crate) fn histogram(self, step: usize) -> Option<&'c Arc<Histogram>> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    #[inline]
    pub(crate) fn has(self, step: usize) -> bool {
        is_present(self.floats[step]) || self.histogram(step).is_some()
    }

    pub(crate) fn to_owned(self) -> Column {
        Column { floats: self.floats.to_vec(), histograms: self.histograms.to_vec() }
    }
}

impl LabelView for Unnumbered<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn pair(&self, at: usize) -> (&str, &str) {
        self.0.pair(at)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    fn to_labels(&self) -> Labels {
        self.0.to_labels()
    }
}

impl Series {
    pub(crate) fn lend(&self) -> Row<'_> {
        Row { labels: &self.labels, name: self.name, column: self.column.as_ref() }
    }
}

impl<'l> Row<'l> {
    /// The same series with other values.
    pub(crate) fn with(self, column: ColumnRef<'l>) -> Self {
        Self { column, ..self }
    }

    /// The labels as they count.
    pub(crate) fn labels(self) -> Labels {
        let labels = self.labels.to_labels();
        if self.name == Name::Dropped { without_metadata(&labels) } else { labels }
    }

    /// The name of the metric; empty where it has none any more.
    pub(crate) fn metric(self) -> &'l str {
        metric(self.labels, self.name)
    }

    pub(crate) fn to_series(self) -> Series {
        let name = if self.name == Name::Dropped { Name::Kept } else { self.name };
        Series { labels: self.labels(), name, column: self.column.to_owned() }
    }
}

/// The name of a series' metric; empty where it has none any more.
pub(crate) fn metric(labels: &dyn LabelView, name: Name) -> &str {
    if name == Name::Dropped { "" } else { labels.get(METRIC_NAME).unwrap_or("") }
}

/// Labels that say what a metric is rather than what it is of (Prometheus proposal PROM-39).
pub(crate) fn is_metadata(label: &str) -> bool {
    matches!(label, METRIC_NAME | "__type__" | "__unit__")
}

/// Without the name, type and unit of the metric.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.only(|name| !is_metadata(name))
    } else {
        labels.clone()
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

    /// All different values, of so many steps.
    pub(crate) fn values(&self) -> &[f64] {
        match self {
            Scalars::Constant(value) => std::slice::from_ref(value),
            Scalars::PerStep(values) => values,
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
