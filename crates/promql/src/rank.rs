//! What needs values of a group at a step side by side, or picks some of its series: `topk`, `bottomk`, `quantile`,
//! `count_values`, `limitk`, `limit_ratio`; and the order of series.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use kernel::Labels;

use crate::column::{ABSENT, Column, ColumnRef, Name, Row, Scalars, Series, is_present};
use crate::evaluate::Collected;
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::grouping::Groups;
use crate::plan::{Aggregation, Order, Scalar, Vector};
use crate::sum::quantile;
use crate::{QueryError, QueryRefusal, natural, number, ratio};

/// Smaller first, or larger first; NaN is last either way.
fn compare(is_descending: bool, a: f64, b: f64) -> Ordering {
    let (first, second) = if is_descending { (b, a) } else { (a, b) };
    a.is_nan().cmp(&b.is_nan()).then_with(|| first.partial_cmp(&second).unwrap_or(Ordering::Equal))
}

/// Series with the group of each.
struct Grouped<'g, 'q> {
    collected: Collected<'q>,
    groups: Groups<'g>,
    members: Vec<Vec<usize>>,
}

impl Grouped<'_, '_> {
    fn series(&self, index: usize) -> &Series {
        &self.collected.series[index]
    }

    fn has_histograms(&self) -> bool {
        self.collected.series.iter().any(|series| !series.column.histograms.is_empty())
    }
}

impl<'q> Evaluation<'q> {
    fn grouped<'g>(self, aggregation: &'g Aggregation) -> Result<Grouped<'g, 'q>, QueryError> {
        let collected = self.collect(&aggregation.of)?;
        let mut groups = Groups::new(&aggregation.grouping);
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (index, one) in collected.series.iter().enumerate() {
            let group = groups.place(&one.labels, false);
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(index);
        }
        Ok(Grouped { collected, groups, members })
    }

    #[inline(never)]
    pub(crate) fn quantile(self, q: &Scalar, aggregation: &Aggregation, sink: &mut Sink<'_>) -> Evaluated {
        let q = self.scalars(q)?;
        q.values().iter().for_each(|q| self.shared.note_quantile(*q, aggregation.parameter_at));
        let grouped = self.grouped(aggregation)?;
        if grouped.has_histograms() {
            self.shared.note_ignored("quantile", aggregation.of_at);
        }
        let (mut values, mut column) = (Vec::new(), Vec::with_capacity(self.steps.count));
        for (group, members) in grouped.members.iter().enumerate() {
            self.budget().check_cancelled()?;
            column.clear();
            let mut name = Name::Kept;
            for step in 0..self.steps.count {
                values.clear();
                let floats = members.iter().map(|m| grouped.series(*m).column.floats[step]);
                values.extend(floats.filter(|value| is_present(*value)));
                column.push(if values.is_empty() { ABSENT } else { quantile(q.at(step), &mut values) });
            }
            if members.iter().any(|member| grouped.series(*member).name == Name::ToDrop) {
                name = Name::ToDrop;
            }
            let column = ColumnRef::of_floats(&column);
            if !column.is_empty() {
                sink(Row { labels: grouped.groups.labels(group), name, column })?;
            }
        }
        Ok(())
    }

    /// `topk` and `bottomk`: series keep their labels, at the steps at which they are among the first k. At one
    /// step, the series of a group come in the order of their values.
    #[inline(never)]
    pub(crate) fn top(
        self,
        k: &Scalar,
        is_descending: bool,
        aggregation: &Aggregation,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let Some(k) = self.counts(&self.scalars(k)?)? else { return Ok(()) };
        let grouped = self.grouped(aggregation)?;
        if grouped.has_histograms() {
            self.shared.note_ignored(aggregation.by.as_str(), aggregation.at);
        }
        let mut ranked: Vec<(f64, usize)> = Vec::new();
        for members in &grouped.members {
            self.budget().check_cancelled()?;
            let mut kept: Vec<Vec<f64>> = vec![Vec::new(); members.len()];
            ranked.clear();
            for step in 0..self.steps.count {
                ranked.clear();
                let values = members.iter().map(|m| grouped.series(*m).column.floats[step]).zip(0..);
                ranked.extend(values.filter(|(value, _)| is_present(*value)));
                // Of equal values the first labels stay, so that the choice depends on nothing but the data.
                let labels = |member: usize| &grouped.series(members[member]).labels;
                let order = |a: &(f64, usize), b: &(f64, usize)| {
                    compare(is_descending, a.0, b.0).then_with(|| labels(a.1).cmp(labels(b.1)))
                };
                let k = k[step].min(ranked.len());
                if k > 0 && k < ranked.len() {
                    ranked.select_nth_unstable_by(k - 1, order);
                }
                ranked.truncate(k);
                ranked.sort_unstable_by(order);
                for (value, member) in &ranked {
                    if kept[*member].is_empty() {
                        kept[*member].resize(self.steps.count, ABSENT);
                    }
                    kept[*member][step] = *value;
                }
            }
            let in_rank: Vec<usize> = if self.steps.count == 1 {
                ranked.iter().map(|(_, member)| *member).collect()
            } else {
                (0..members.len()).collect()
            };
            for member in in_rank.into_iter().filter(|member| !kept[*member].is_empty()) {
                let lent = grouped.series(members[member]).lend();
                sink(lent.with(ColumnRef::of_floats(&kept[member])))?;
            }
        }
        Ok(())
    }

    /// The parameter of `topk` at every step; `None` where it asks for nothing at all of them.
    fn counts(self, k: &Scalars) -> Result<Option<Vec<usize>>, QueryRefusal> {
        let refused = |problem: String| Err(QueryRefusal::Parameter { problem });
        // As in Prometheus, what is too large or too small matters only where something is asked for.
        let most = k.values().iter().copied().fold(f64::NAN, f64::max);
        if most < 1.0 && !k.values().iter().any(|k| k.is_nan()) {
            return Ok(None);
        }
        for value in k.values() {
            if value.is_nan() {
                return refused("Parameter value is NaN".to_owned());
            }
            if *value <= i64::MIN as f64 {
                return refused(format!("Scalar value {} underflows int64", number::general(*value)));
            }
            if *value >= i64::MAX as f64 {
                return refused(format!("Scalar value {} overflows int64", number::general(*value)));
            }
        }
        Ok(Some((0..self.steps.count).map(|step| k.at(step).max(0.0) as usize).collect()))
    }

    /// `limitk`: the first k series of each group that have a value, at every step.
    #[inline(never)]
    pub(crate) fn first_of_each_group(
        self,
        k: &Scalar,
        aggregation: &Aggregation,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let Some(k) = self.counts(&self.scalars(k)?)? else { return Ok(()) };
        let mut groups = Groups::new(&aggregation.grouping);
        let mut taken: Vec<Vec<usize>> = Vec::new();
        let mut column = Column::default();
        self.stream(&aggregation.of, &mut |lent| {
            let group = groups.place(lent.labels, lent.name == Name::Dropped);
            if group == taken.len() {
                self.budget().use_points(self.steps.count)?;
                taken.push(vec![0; self.steps.count]);
            }
            let taken = &mut taken[group];
            keep(lent, &mut column, sink, |step| {
                let has_place = taken[step] < k[step];
                taken[step] += usize::from(has_place);
                has_place
            })
        })
    }

    /// `limit_ratio`: the same part of the series at every step, chosen by the hash of their labels.
    #[inline(never)]
    pub(crate) fn sampled(self, part: &Scalar, aggregation: &Aggregation, sink: &mut Sink<'_>) -> Evaluated {
        let part = self.scalars(part)?;
        if part.values().iter().any(|part| part.is_nan()) {
            return Err(QueryRefusal::Parameter { problem: "Ratio value is NaN".to_owned() }.into());
        }
        for part in part.values().iter().filter(|part| part.abs() > 1.0) {
            self.shared.note_ratio(*part, part.signum(), aggregation.parameter_at);
        }
        let mut column = Column::default();
        self.stream(&aggregation.of, &mut |lent| {
            let place = ratio::place(&lent.labels());
            keep(lent, &mut column, sink, |step| ratio::is_within(part.at(step).clamp(-1.0, 1.0), place))
        })
    }

    #[inline(never)]
    pub(crate) fn count_values(
        self,
        label: &str,
        aggregation: &Aggregation,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let grouped = self.grouped(aggregation)?;
        // By the labels of the group with the value; the value's label may be one that the group has.
        let mut counted: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
        for (group, members) in grouped.members.iter().enumerate() {
            for member in members {
                self.budget().check_cancelled()?;
                let column = grouped.series(*member).column.as_ref();
                let mut last: Option<(u64, Labels)> = None;
                for step in 0..self.steps.count {
                    let value = column.floats[step];
                    let labels = if let Some(histogram) = column.histogram(step) {
                        grouped.groups.labels(group).with(label, &histogram.to_string())
                    } else if is_present(value) {
                        let known = last.take().filter(|(bits, _)| *bits == value.to_bits());
                        let new = || grouped.groups.labels(group).with(label, &number::decimal(value));
                        let labels = known.map_or_else(new, |(_, labels)| labels);
                        last = Some((value.to_bits(), labels.clone()));
                        labels
                    } else {
                        continue;
                    };
                    if !counted.contains_key(&labels) {
                        self.budget().use_points(self.steps.count)?;
                    }
                    let counts = counted.entry(labels).or_insert_with(|| vec![ABSENT; self.steps.count]);
                    let count = &mut counts[step];
                    *count = if is_present(*count) { *count + 1.0 } else { 1.0 };
                }
            }
        }
        counted.iter().try_for_each(|(labels, column)| {
            sink(Row { labels, name: Name::Kept, column: ColumnRef::of_floats(column) })
        })
    }

    /// `sort` and its like; of a range, series stay in the order of their labels.
    #[inline(never)]
    pub(crate) fn sorted(self, order: &Order, of: &Vector, at: usize, sink: &mut Sink<'_>) -> Evaluated {
        let is_of_values = matches!(order, Order::Values { .. });
        if self.is_range() {
            self.shared.note_sort(at);
        }
        let mut collected = self.collect(of)?;
        if is_of_values {
            let clear = |series: &mut Series| series.column.histograms.clear();
            collected.series.iter_mut().for_each(clear);
            collected.series.retain(|series| !series.column.as_ref().is_empty());
        }
        if !self.is_range() {
            match order {
                Order::Values { is_descending } => collected.series.sort_by(|a, b| {
                    let by_value = compare(*is_descending, a.column.floats[0], b.column.floats[0]);
                    by_value.then_with(|| a.labels.cmp(&b.labels))
                }),
                Order::Labels { labels, is_descending } => {
                    collected.series.sort_by(|a, b| by_labels(labels, &a.labels, &b.labels));
                    if *is_descending {
                        collected.series.reverse();
                    }
                }
            }
        }
        collected.series.iter().try_for_each(|series| sink(series.lend()))
    }
}

fn by_labels(names: &[String], a: &Labels, b: &Labels) -> Ordering {
    let of = |labels: &Labels, name: &str| labels.get(name).unwrap_or("").to_owned();
    let differing = names.iter().map(|name| natural::compare(&of(a, name), &of(b, name)));
    differing.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b))
}

/// Hands a series on at the steps that are kept.
fn keep(
    lent: Row<'_>,
    column: &mut Column,
    sink: &mut Sink<'_>,
    mut is_kept: impl FnMut(usize) -> bool,
) -> Evaluated {
    column.copy(lent.column);
    for step in 0..column.floats.len() {
        if lent.column.has(step) && !is_kept(step) {
            column.floats[step] = ABSENT;
            if let Some(cell) = column.histograms.get_mut(step) {
                *cell = None;
            }
        }
    }
    if column.as_ref().is_empty() { Ok(()) } else { sink(lent.with(column.as_ref())) }
}
