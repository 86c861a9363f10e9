//! What needs all values of a group at a step side by side: `topk`, `bottomk`, `quantile`, `count_values`.

use std::cmp::Ordering;
use std::collections::HashMap;

use kernel::Labels;

use crate::column::{ABSENT, Scalars, Series, is_present};
use crate::evaluate::{Evaluated, Evaluation, Sink};
use crate::grouping::{Grouping, Groups};
use crate::plan::{Scalar, Vector};
use crate::sum::quantile;
use crate::{QueryError, QueryRefusal, number};

/// Smaller first, or larger first; NaN is last either way.
pub(crate) fn compare(descending: bool, a: f64, b: f64) -> Ordering {
    let (first, second) = if descending { (b, a) } else { (a, b) };
    a.is_nan().cmp(&b.is_nan()).then_with(|| first.partial_cmp(&second).unwrap_or(Ordering::Equal))
}

/// Series with the group of each.
struct Grouped<'g> {
    series: Vec<Series>,
    groups: Groups<'g>,
    members: Vec<Vec<usize>>,
}

impl Evaluation<'_> {
    fn grouped<'g>(&self, of: &Vector, grouping: &'g Grouping) -> Result<Grouped<'g>, QueryError> {
        let series = self.collect(of)?;
        let mut groups = Groups::new(grouping);
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (index, one) in series.iter().enumerate() {
            let group = groups.place(&one.labels);
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(index);
        }
        Ok(Grouped { series, groups, members })
    }

    pub(crate) fn quantile(
        &self,
        q: &Scalar,
        grouping: &Grouping,
        of: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let q = self.scalars(q)?;
        let grouped = self.grouped(of, grouping)?;
        let (mut values, mut column) = (Vec::new(), Vec::with_capacity(self.steps.count));
        for (group, members) in grouped.members.iter().enumerate() {
            self.budget.check_cancelled()?;
            column.clear();
            for step in 0..self.steps.count {
                values.clear();
                values.extend(
                    members.iter().map(|m| grouped.series[*m].column[step]).filter(|v| is_present(*v)),
                );
                column.push(if values.is_empty() { ABSENT } else { quantile(q.at(step), &mut values) });
            }
            sink(grouped.groups.labels(group), &column)?;
        }
        Ok(())
    }

    /// `topk` and `bottomk`: series keep their labels, at the steps at which they are among the first k. At one
    /// step, the series of a group come in the order of their values.
    pub(crate) fn top(
        &self,
        k: &Scalar,
        descending: bool,
        grouping: &Grouping,
        of: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let k = self.counts(&self.scalars(k)?)?;
        let grouped = self.grouped(of, grouping)?;
        let mut ranked: Vec<(f64, usize)> = Vec::new();
        for members in &grouped.members {
            self.budget.check_cancelled()?;
            let mut kept: Vec<Vec<f64>> = vec![Vec::new(); members.len()];
            ranked.clear();
            for step in 0..self.steps.count {
                ranked.clear();
                let values = members.iter().map(|m| grouped.series[*m].column[step]).zip(0..);
                ranked.extend(values.filter(|(value, _)| is_present(*value)));
                // Of equal values the first labels stay, so that the choice depends on nothing but the data.
                let labels = |member: usize| &grouped.series[members[member]].labels;
                let order = |a: &(f64, usize), b: &(f64, usize)| {
                    compare(descending, a.0, b.0).then_with(|| labels(a.1).cmp(labels(b.1)))
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
                sink(&grouped.series[members[member]].labels, &kept[member])?;
            }
        }
        Ok(())
    }

    /// The parameter of `topk` at every step.
    fn counts(&self, k: &Scalars) -> Result<Vec<usize>, QueryRefusal> {
        let count = |step| {
            let k = k.at(step);
            if k.is_nan() {
                return Err(QueryRefusal::Parameter { problem: "Parameter value is NaN".to_owned() });
            }
            Ok(k.max(0.0) as usize)
        };
        (0..self.steps.count).map(count).collect()
    }

    pub(crate) fn count_values(
        &self,
        label: &str,
        grouping: &Grouping,
        of: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let grouped = self.grouped(of, grouping)?;
        for (group, members) in grouped.members.iter().enumerate() {
            let mut columns: HashMap<u64, usize> = HashMap::new();
            let mut counted: Vec<(Labels, Vec<f64>)> = Vec::new();
            for member in members {
                self.budget.check_cancelled()?;
                let column = &grouped.series[*member].column;
                for (step, value) in column.iter().enumerate().filter(|(_, value)| is_present(**value)) {
                    let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
                    let at = *columns.entry(bits).or_insert(counted.len());
                    if at == counted.len() {
                        self.budget.use_points(self.steps.count)?;
                        let labels = grouped.groups.labels(group).with(label, &number::decimal(*value));
                        counted.push((labels, vec![ABSENT; self.steps.count]));
                    }
                    let count = &mut counted[at].1[step];
                    *count = if is_present(*count) { *count + 1.0 } else { 1.0 };
                }
            }
            counted.iter().try_for_each(|(labels, column)| sink(labels, column))?;
        }
        Ok(())
    }
}
