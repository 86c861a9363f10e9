//! Aggregations that take each series once, as it comes: a group holds a few columns, whatever its size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::budget::Held;
use crate::column::{ABSENT, Column, Name, Row, is_present};
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::fold::{Count, Fold, Folded, Max, Min, Presence, Stddev, Stdvar};
use crate::general::HistogramSum;
use crate::grouping::Groups;
use crate::notes::Doing;
use crate::plan::{Aggregation, Aggregator};
use crate::sum::{Mean, Sum};
use crate::{QueryError, QueryRefusal};

/// What an aggregation does with native histograms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnHistogram {
    /// They count as any value.
    Count,
    Sum,
    Mean,
    /// They are left out, which is told.
    Ignore,
}

/// A group on its way.
struct Group<F> {
    name: Name,
    folds: Vec<Folded<F>>,
    /// Histograms at each step; empty as long as there is none.
    sums: Vec<HistogramStep>,
}

#[derive(Clone)]
struct HistogramStep {
    sum: HistogramSum,
    /// Layouts that do not go together were met.
    is_incompatible: bool,
}

/// All groups on their way.
struct Groupwise<'g, F> {
    groups: Groups<'g>,
    all: Vec<Group<F>>,
    held: Held<'g>,
}

impl<'g, F: Fold> Groupwise<'g, F> {
    fn new(evaluation: Evaluation<'g>, aggregation: &'g Aggregation) -> Self {
        Self { groups: Groups::new(&aggregation.grouping), all: Vec::new(), held: evaluation.budget().hold() }
    }

    /// With what follows, which has no histograms; `false` where its series have to be taken one by one.
    fn join(&mut self, other: Self) -> bool {
        self.held.take_over(other.held);
        let labels = other.groups.into_labels();
        labels.iter().zip(other.all).all(|(labels, other)| {
            let at = self.groups.place(labels, false);
            let Some(group) = self.all.get_mut(at) else {
                self.all.push(other);
                return true;
            };
            if other.name == Name::ToDrop {
                group.name = Name::ToDrop;
            }
            group.folds.iter_mut().zip(other.folds).filter(|(_, other)| other.is_present).all(
                |(own, other)| {
                    own.is_present = true;
                    own.fold.join(other.fold)
                },
            )
        })
    }
}

impl Evaluation<'_> {
    #[inline(never)]
    pub(crate) fn aggregate(self, aggregation: &Aggregation, sink: &mut Sink<'_>) -> Evaluated {
        match &aggregation.by {
            Aggregator::Sum => self.fold::<Sum>(aggregation, OnHistogram::Sum, sink),
            Aggregator::Avg => self.fold::<Mean>(aggregation, OnHistogram::Mean, sink),
            Aggregator::Min => self.fold::<Min>(aggregation, OnHistogram::Ignore, sink),
            Aggregator::Max => self.fold::<Max>(aggregation, OnHistogram::Ignore, sink),
            Aggregator::Count => self.fold::<Count>(aggregation, OnHistogram::Count, sink),
            Aggregator::Group => self.fold::<Presence>(aggregation, OnHistogram::Count, sink),
            Aggregator::Stddev => self.fold::<Stddev>(aggregation, OnHistogram::Ignore, sink),
            Aggregator::Stdvar => self.fold::<Stdvar>(aggregation, OnHistogram::Ignore, sink),
            Aggregator::Quantile(q) => self.quantile(q, aggregation, sink),
            Aggregator::TopK(k) => self.top(k, true, aggregation, sink),
            Aggregator::BottomK(k) => self.top(k, false, aggregation, sink),
            Aggregator::LimitK(k) => self.first_of_each_group(k, aggregation, sink),
            Aggregator::LimitRatio(ratio) => self.sampled(ratio, aggregation, sink),
            Aggregator::CountValues(label) => self.count_values(label, aggregation, sink),
        }
    }

    fn fold<F: Fold>(
        self,
        aggregation: &Aggregation,
        on_histogram: OnHistogram,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let in_parts = if self.may_fold_in_parts(aggregation) {
            self.folded_in_parts::<F>(aggregation, on_histogram)?
        } else {
            None
        };
        let folded = match in_parts {
            Some(folded) => folded,
            None => {
                let mut folded = Groupwise::new(self, aggregation);
                self.stream(&aggregation.of, &mut |lent| {
                    self.fold_one(lent, &mut folded, aggregation, on_histogram)
                })?;
                folded
            }
        };
        let mut column = Column::default();
        for (at, group) in folded.all.iter().enumerate() {
            self.finish(group, aggregation.of_at, &mut column);
            if !column.as_ref().is_empty() {
                sink(Row { labels: folded.groups.labels(at), name: group.name, column: column.as_ref() })?;
            }
        }
        Ok(())
    }

    fn fold_one<F: Fold>(
        self,
        lent: Row<'_>,
        folded: &mut Groupwise<'_, F>,
        aggregation: &Aggregation,
        on_histogram: OnHistogram,
    ) -> Evaluated {
        let at = folded.groups.place(lent.labels, lent.name == Name::Dropped);
        if at == folded.all.len() {
            self.budget().use_points(self.steps.count)?;
            folded.held.add(self.steps.count * size_of::<Folded<F>>())?;
            let folds = vec![Folded::default(); self.steps.count];
            folded.all.push(Group { name: Name::Kept, folds, sums: Vec::new() });
        }
        let group = &mut folded.all[at];
        if lent.name == Name::ToDrop {
            group.name = Name::ToDrop;
        }
        for (folded, value) in group.folds.iter_mut().zip(lent.column.floats) {
            if is_present(*value) {
                folded.fold.add(*value);
                folded.is_present = true;
            }
        }
        if !lent.column.histograms.is_empty() {
            self.fold_histograms(lent, group, aggregation, on_histogram);
        }
        Ok(())
    }

    fn may_fold_in_parts(self, aggregation: &Aggregation) -> bool {
        // Annotations that count how often something occurred would count twice what is done again.
        let counts_occurrences = self.shared.settings.start_timestamps;
        self.shared.parts > 1 && !counts_occurrences && self.has_parts(&aggregation.of)
    }

    /// `None` where the series have to be taken one by one: sums of histograms, and means of numbers whose sum is
    /// too large, depend on what came before.
    fn folded_in_parts<'f, F: Fold>(
        self,
        aggregation: &'f Aggregation,
        on_histogram: OnHistogram,
    ) -> Result<Option<Groupwise<'f, F>>, QueryError>
    where
        Self: 'f,
    {
        let used = self.budget().used();
        let is_one_by_one = AtomicBool::new(false);
        let mut parts: Vec<Groupwise<'f, F>> =
            (0..self.shared.parts).map(|_| Groupwise::new(self, aggregation)).collect();
        let mut sinks: Vec<_> = parts
            .iter_mut()
            .enumerate()
            .map(|(number, part)| {
                let is_one_by_one = &is_one_by_one;
                move |lent: Row<'_>| {
                    if number > 0 && !lent.column.histograms.is_empty() {
                        is_one_by_one.store(true, Ordering::Relaxed);
                        return Err(QueryRefusal::Cancelled.into());
                    }
                    self.fold_one(lent, part, aggregation, on_histogram)
                }
            })
            .collect();
        let outcome = self.stream_parts(&aggregation.of, &mut sinks);
        drop(sinks);
        let mut parts = parts.into_iter();
        let (Some(mut whole), false) = (parts.next(), is_one_by_one.load(Ordering::Relaxed)) else {
            self.budget().set_used(used);
            return Ok(None);
        };
        outcome?;
        if parts.all(|part| whole.join(part)) {
            return Ok(Some(whole));
        }
        self.budget().set_used(used);
        Ok(None)
    }

    #[inline(never)]
    fn fold_histograms<F: Fold>(
        self,
        lent: Row<'_>,
        group: &mut Group<F>,
        aggregation: &Aggregation,
        on_histogram: OnHistogram,
    ) {
        let of_at = aggregation.of_at;
        for (step, cell) in lent.column.histograms.iter().enumerate() {
            let Some(histogram) = cell else { continue };
            match on_histogram {
                OnHistogram::Count => {
                    group.folds[step].fold.add(0.0);
                    group.folds[step].is_present = true;
                }
                OnHistogram::Ignore => self.shared.note_ignored(aggregation.by.as_str(), of_at),
                OnHistogram::Sum | OnHistogram::Mean => {
                    if group.sums.is_empty() {
                        let sum = HistogramSum::new(on_histogram == OnHistogram::Mean);
                        group.sums.resize(group.folds.len(), HistogramStep { sum, is_incompatible: false });
                    }
                    let sum = &mut group.sums[step];
                    if sum.is_incompatible {
                        continue;
                    }
                    let had_bounds = std::mem::take(&mut sum.sum.bounds_reconciled);
                    if sum.sum.add(histogram).is_err() {
                        sum.is_incompatible = true;
                        self.shared.note_incompatible(lent.metric(), of_at);
                    }
                    if sum.sum.bounds_reconciled {
                        self.shared.note_bounds(Doing::Aggregation, of_at);
                    }
                    sum.sum.bounds_reconciled |= had_bounds;
                }
            }
        }
    }

    /// The values of a group at every step.
    fn finish<F: Fold>(self, group: &Group<F>, of_at: usize, column: &mut Column) {
        column.clear();
        let result = |folded: &Folded<F>| if folded.is_present { folded.fold.result() } else { ABSENT };
        column.floats.extend(group.folds.iter().map(result));
        for (step, sum) in group.sums.iter().enumerate().filter(|(_, sum)| !sum.sum.is_empty()) {
            if group.folds[step].is_present {
                self.shared.note_mixed_aggregation(of_at);
                column.floats[step] = ABSENT;
                continue;
            }
            if sum.is_incompatible {
                continue;
            }
            if sum.sum.resets_collide() {
                self.shared.note_resets(Doing::Aggregation, of_at);
            }
            if let Some(histogram) = sum.sum.clone().result() {
                column.set_histogram(step, Arc::new(histogram));
            }
        }
    }
}
