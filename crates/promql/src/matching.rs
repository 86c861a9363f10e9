//! Operators between two vectors: which series belong together, and what becomes of them.
//!
//! Prometheus matches anew at every step. Here series are matched once by their labels, and what must hold at
//! each step (one side unique within a match) is checked on the columns of those few matches that have more
//! than one series.

use kernel::Labels;

use crate::column::{ABSENT, Series, is_present};
use crate::evaluate::{Evaluated, Evaluation, Sink};
use crate::grouping::{Grouping, Groups};
use crate::operator::Operator;
use crate::plan::{Cardinality, Matching, SetOperator, Vector};
use crate::{METRIC_NAME, QueryRefusal};

/// The series of the side that must be unique, by what they are matched on.
struct Unique<'m> {
    series: Vec<Series>,
    groups: Groups<'m>,
    members: Vec<Vec<usize>>,
}

impl<'m> Unique<'m> {
    fn new(series: Vec<Series>, on: &'m Grouping) -> Self {
        let mut groups = Groups::new(on);
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (index, one) in series.iter().enumerate() {
            let group = groups.place(&one.labels);
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(index);
        }
        Self { series, groups, members }
    }

    /// Two series of one match with a value at the same step, where the other side has any series at that step.
    fn check(&self, other: &[Series], steps: usize, side: &str) -> Result<(), QueryRefusal> {
        let mut present = vec![None; steps];
        let mut is_any_present = |step: usize| {
            *present[step].get_or_insert_with(|| other.iter().any(|series| is_present(series.column[step])))
        };
        for (group, members) in self.members.iter().enumerate().filter(|(_, members)| members.len() > 1) {
            let mut owner: Vec<Option<usize>> = vec![None; steps];
            for member in members {
                for (step, value) in self.series[*member].column.iter().enumerate() {
                    if !is_present(*value) {
                        continue;
                    }
                    let Some(earlier) = owner[step].replace(*member) else { continue };
                    if is_any_present(step) {
                        return Err(self.duplicate(group, earlier, *member, side));
                    }
                }
            }
        }
        Ok(())
    }

    fn duplicate(&self, group: usize, one: usize, other: usize, side: &str) -> QueryRefusal {
        let mut pair = [&self.series[one].labels, &self.series[other].labels];
        pair.sort();
        let problem = format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];\
             many-to-many matching not allowed: matching labels must be unique on one side",
            self.groups.labels(group),
            pair[0],
            pair[1],
        );
        QueryRefusal::Conflict { problem }
    }
}

impl Evaluation<'_> {
    pub(crate) fn join(
        &self,
        operator: Operator,
        matching: &Matching,
        left: &Vector,
        right: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let (left, right) = (self.collect(left)?, self.collect(right)?);
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        if many.is_empty() || one.is_empty() {
            return Ok(());
        }
        let unique = Unique::new(one, &matching.on);
        unique.check(&many, self.steps.count, if swapped { "left" } else { "right" })?;

        let matches: Vec<Option<usize>> =
            many.iter().map(|series| unique.groups.find(&series.labels)).collect();
        let mut taken = Taken::new(matching.cardinality, &matches, unique.members.len());
        let mut column = Vec::with_capacity(self.steps.count);
        for (series, group) in many.iter().zip(&matches) {
            let Some(group) = *group else { continue };
            for member in &unique.members[group] {
                let other = &unique.series[*member];
                self.budget.check_cancelled()?;
                taken.check(group, &series.column, &other.column)?;
                column.clear();
                let pairs = series.column.iter().zip(&other.column);
                column.extend(pairs.map(|(many, one)| {
                    if !is_present(*many) || !is_present(*one) {
                        return ABSENT;
                    }
                    let (left, right) = if swapped { (*one, *many) } else { (*many, *one) };
                    operator.of(left, right, left).unwrap_or(ABSENT)
                }));
                if column.iter().any(|value| is_present(*value)) {
                    sink(&result_labels(&series.labels, &other.labels, operator, matching), &column)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn set(
        &self,
        operator: SetOperator,
        matching: &Grouping,
        left: &Vector,
        right: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let mut presence = Presence { groups: Groups::new(matching), steps: Vec::new() };
        let mut column = Vec::with_capacity(self.steps.count);
        if operator == SetOperator::Or {
            self.stream(left, &mut |labels, values| {
                self.budget.use_points(values.len())?;
                presence.add(labels, values);
                sink(labels, values)
            })?;
            return self.stream(right, &mut |labels, values| {
                presence.filter(labels, values, false, &mut column);
                if column.iter().any(|value| is_present(*value)) { sink(labels, &column) } else { Ok(()) }
            });
        }
        self.stream(right, &mut |labels, values| {
            self.budget.use_points(values.len())?;
            presence.add(labels, values);
            Ok(())
        })?;
        self.stream(left, &mut |labels, values| {
            presence.filter(labels, values, operator == SetOperator::And, &mut column);
            if column.iter().any(|value| is_present(*value)) { sink(labels, &column) } else { Ok(()) }
        })
    }
}

/// The steps at which any series of a match has a value.
struct Presence<'m> {
    groups: Groups<'m>,
    steps: Vec<Vec<bool>>,
}

impl Presence<'_> {
    fn add(&mut self, labels: &Labels, column: &[f64]) {
        let group = self.groups.place(labels);
        if group == self.steps.len() {
            self.steps.push(vec![false; column.len()]);
        }
        for (step, value) in self.steps[group].iter_mut().zip(column) {
            *step |= is_present(*value);
        }
    }

    /// Keeps the values at the steps whose presence is `wanted`.
    fn filter(&self, labels: &Labels, column: &[f64], wanted: bool, out: &mut Vec<f64>) {
        out.clear();
        match self.groups.find(labels) {
            None if wanted => {}
            None => out.extend_from_slice(column),
            Some(group) => {
                let kept = column.iter().zip(&self.steps[group]);
                out.extend(kept.map(|(value, present)| if *present == wanted { *value } else { ABSENT }));
            }
        }
    }
}

/// In one-to-one matching, the steps at which a match has had its series of the first side already.
struct Taken {
    steps: Vec<Option<Vec<bool>>>,
}

impl Taken {
    fn new(cardinality: Cardinality, matches: &[Option<usize>], groups: usize) -> Self {
        let mut sizes = vec![0_usize; groups];
        matches.iter().flatten().for_each(|group| sizes[*group] += 1);
        let is_shared = |size: usize| cardinality == Cardinality::OneToOne && size > 1;
        Self { steps: sizes.into_iter().map(|size| is_shared(size).then(Vec::new)).collect() }
    }

    fn check(&mut self, group: usize, many: &[f64], one: &[f64]) -> Result<(), QueryRefusal> {
        let Some(taken) = &mut self.steps[group] else { return Ok(()) };
        taken.resize(many.len(), false);
        for (taken, (many, one)) in taken.iter_mut().zip(many.iter().zip(one)) {
            if is_present(*many) && is_present(*one) && std::mem::replace(taken, true) {
                let problem = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(QueryRefusal::Conflict { problem: problem.to_owned() });
            }
        }
        Ok(())
    }
}

fn result_labels(many: &Labels, one: &Labels, operator: Operator, matching: &Matching) -> Labels {
    let keeps_name = operator.keeps_name();
    let labels = many.only(|name| {
        if name == METRIC_NAME && !keeps_name {
            return false;
        }
        match (&matching.on, matching.cardinality) {
            (Grouping::By(names), Cardinality::OneToOne) => names.iter().any(|kept| kept == name),
            (Grouping::Without(names), Cardinality::OneToOne) => !names.iter().any(|left| left == name),
            _ => true,
        }
    });
    matching.include.iter().fold(labels, |labels, name| labels.with(name, one.get(name).unwrap_or("")))
}
