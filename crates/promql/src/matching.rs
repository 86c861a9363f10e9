//! Operators between two vectors: which series belong together, and what becomes of them.
//!
//! Prometheus matches anew at every step. Here series are matched once by their labels, and what must hold at
//! each step (one side unique within a match) is checked on the columns of those few matches that have more
//! than one series.

use std::sync::Arc;

use kernel::Labels;

use crate::QueryError;
use crate::column::{Column, Name, Row, Series, is_metadata};
use crate::evaluation::{Evaluated, Evaluation, Sink, conflict};
use crate::grouping::{Grouping, Groups};
use crate::merge::{Merged, SAME_LABELS};
use crate::notes::Doing;
use crate::operator::{Mismatch, Operator, Outcome, Side};
use crate::plan::{Cardinality, Join, Matching};

const MANY_TO_ONE: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
const NOT_UNIQUE: &str = "multiple matches for labels: grouping labels must ensure unique matches";

/// The series of a side by what they are matched on.
struct Matched<'m> {
    groups: Groups<'m>,
    members: Vec<Vec<usize>>,
}

impl<'m> Matched<'m> {
    fn new(series: &[Series], on: &'m Grouping) -> Self {
        let mut matched = Self { groups: Groups::new(on), members: Vec::new() };
        for (index, one) in series.iter().enumerate() {
            let group = matched.groups.place(&one.labels, false);
            if group == matched.members.len() {
                matched.members.push(Vec::new());
            }
            matched.members[group].push(index);
        }
        matched
    }

    fn of(&self, labels: &Labels) -> &[usize] {
        self.groups.find(labels, false).map_or(&[], |group| &self.members[group])
    }
}

/// An operator on its way over two sides. The side that may have many series in a match is on the left here.
struct Joining<'j, 'q> {
    evaluation: Evaluation<'q>,
    join: &'j Join,
    many: &'j [Series],
    one: &'j [Series],
    merged: Merged,
}

impl Evaluation<'_> {
    #[inline(never)]
    pub(crate) fn join(self, join: &Join, sink: &mut Sink<'_>) -> Evaluated {
        let (left, right) = (self.collect(&join.left)?, self.collect(&join.right)?);
        let Matching { fill_left, fill_right, cardinality, .. } = &join.matching;
        let has_fill = fill_left.is_some() || fill_right.is_some();
        if (left.series.is_empty() || right.series.is_empty()) && !has_fill {
            return Ok(());
        }
        let (many, one) = if *cardinality == Cardinality::OneToMany {
            (&right.series, &left.series)
        } else {
            (&left.series, &right.series)
        };
        let merged = Merged::new(SAME_LABELS, false);
        let mut joining = Joining { evaluation: self, join, many, one, merged };
        joining.run()?;
        joining.merged.into_series().try_for_each(|series| sink(series.lend()))
    }
}

/// What has been matched within one match.
struct Match {
    /// At each step, whether any pair was matched.
    has_pair: Vec<bool>,
    /// The labels of results and the steps at which they are, where results of several series may have the same.
    results: Vec<(Labels, Vec<bool>)>,
    is_one_to_one: bool,
}

impl Match {
    fn mark(&mut self, result: usize, step: usize) -> Result<(), QueryError> {
        if self.is_one_to_one {
            if std::mem::replace(&mut self.has_pair[step], true) {
                return Err(conflict(MANY_TO_ONE));
            }
        } else {
            self.has_pair[step] = true;
            if std::mem::replace(&mut self.results[result].1[step], true) {
                return Err(conflict(NOT_UNIQUE));
            }
        }
        Ok(())
    }

    fn result(&mut self, labels: &Labels, steps: usize) -> usize {
        if self.is_one_to_one {
            return 0;
        }
        match self.results.iter().rposition(|(known, _)| known == labels) {
            Some(at) => at,
            None => {
                self.results.push((labels.clone(), vec![false; steps]));
                self.results.len() - 1
            }
        }
    }
}

impl Joining<'_, '_> {
    fn is_swapped(&self) -> bool {
        self.join.matching.cardinality == Cardinality::OneToMany
    }

    /// What stands in for a series that the "one" side does not have, and for one that the other does not have.
    fn fills(&self) -> (Option<f64>, Option<f64>) {
        // Sides are swapped for `group_right`, what stands in for them is not (as in Prometheus 3.14).
        (self.join.matching.fill_right, self.join.matching.fill_left)
    }

    fn run(&mut self) -> Evaluated {
        let on = &self.join.matching.on;
        let many = Matched::new(self.many, on);
        let one = Matched::new(self.one, on);
        self.check_unique(&one)?;
        let (fill_one, fill_many) = self.fills();
        for (group, members) in many.members.iter().enumerate() {
            let others = one.of(many.groups.labels(group));
            self.one_match(members, others, fill_one, fill_many)?;
        }
        if fill_many.is_some() {
            for (group, others) in one.members.iter().enumerate() {
                if many.of(one.groups.labels(group)).is_empty() {
                    self.one_match(&[], others, fill_one, fill_many)?;
                }
            }
        }
        Ok(())
    }

    fn one_match(
        &mut self,
        members: &[usize],
        others: &[usize],
        fill_one: Option<f64>,
        fill_many: Option<f64>,
    ) -> Evaluated {
        if others.is_empty() && fill_one.is_none() {
            return Ok(());
        }
        self.evaluation.budget().check_cancelled()?;
        let steps = self.evaluation.steps.count;
        let is_one_to_one = self.join.matching.cardinality == Cardinality::OneToOne;
        let mut found = Match { has_pair: vec![false; steps], results: Vec::new(), is_one_to_one };
        let (many, one) = (self.many, self.one);
        for member in members {
            let series = &many[*member];
            let mut is_filled = vec![fill_one.is_some(); steps];
            for other in others {
                let other = &one[*other];
                let both = |step: usize| {
                    let has = series.column.as_ref().has(step) && other.column.as_ref().has(step);
                    has.then(|| (side(series, step), side(other, step)))
                };
                (0..steps)
                    .filter(|step| other.column.as_ref().has(*step))
                    .for_each(|step| is_filled[step] = false);
                self.pair(&series.labels, &other.labels, &mut found, both)?;
            }
            if let Some(fill) = fill_one.filter(|_| is_filled.contains(&true)) {
                let labels = self.join.matching.on.of(&series.labels, false);
                let filled = |step: usize| {
                    let has = is_filled[step] && series.column.as_ref().has(step);
                    has.then(|| (side(series, step), Side::Float(fill)))
                };
                self.pair(&series.labels, &labels, &mut found, filled)?;
            }
        }
        let Some(fill) = fill_many else { return Ok(()) };
        let matched = found.has_pair.clone();
        for other in others {
            let other = &one[*other];
            let labels = self.join.matching.on.of(&other.labels, false);
            let filled = |step: usize| {
                let has = !matched[step] && other.column.as_ref().has(step);
                has.then(|| (Side::Float(fill), side(other, step)))
            };
            self.pair(&labels, &other.labels, &mut found, filled)?;
        }
        Ok(())
    }

    /// The operator at every step at which there are two values.
    fn pair<'s>(
        &mut self,
        many: &Labels,
        one: &Labels,
        found: &mut Match,
        values: impl Fn(usize) -> Option<(Side<'s>, Side<'s>)>,
    ) -> Evaluated {
        let steps = self.evaluation.steps.count;
        let mut column: Option<(Labels, usize, Column)> = None;
        for step in 0..steps {
            let Some((of_many, of_one)) = values(step) else { continue };
            let (left, right) = if self.is_swapped() { (of_one, of_many) } else { (of_many, of_one) };
            let Some(outcome) = self.outcome(left, right) else { continue };
            let (_, result, column) = column.get_or_insert_with(|| {
                let labels = self.result_labels(many, one);
                let result = found.result(&labels, steps);
                (labels, result, Column::absent(steps))
            });
            found.mark(*result, step)?;
            match outcome {
                Outcome::Float(value) => column.floats[step] = value,
                Outcome::Histogram(histogram) => column.set_histogram(step, Arc::new(histogram)),
                Outcome::Filtered => {}
            }
        }
        if let Some((labels, _, column)) = column.filter(|(_, _, column)| !column.as_ref().is_empty()) {
            self.evaluation.budget().use_points(steps)?;
            let is_bool = self.join.operator.is_bool();
            let is_delayed = self.evaluation.shared.settings.delayed_name_removal;
            let name = if is_bool && is_delayed { Name::ToDrop } else { Name::Kept };
            self.merged.add(Row { labels: &labels, name, column: column.as_ref() })?;
        }
        Ok(())
    }

    fn outcome(&self, left: Side<'_>, right: Side<'_>) -> Option<Outcome> {
        let (operator, at) = (self.join.operator, self.join.at);
        if let (Side::Float(a), Side::Float(b)) = (left, right)
            && !matches!(operator, Operator::Trim(_))
        {
            return Some(operator.of(a, b, a).map_or(Outcome::Filtered, Outcome::Float));
        }
        let shared = self.evaluation.shared;
        match operator.apply(left, right) {
            Ok((outcome, remarks)) => {
                let is_addition = operator.as_str() == "+";
                let doing = if is_addition { Doing::Addition } else { Doing::Subtraction };
                shared.note_remarks(remarks, doing, at);
                Some(outcome)
            }
            Err(Mismatch::Types) => {
                shared.note_types(left.as_str(), operator.as_str(), right.as_str(), at);
                None
            }
            Err(Mismatch::Layouts) => {
                shared.note_layouts(operator.as_str(), at);
                None
            }
        }
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let Join { operator, matching, .. } = self.join;
        let is_delayed = self.evaluation.shared.settings.delayed_name_removal;
        let drops = operator.changes_meaning() || (operator.is_bool() && !is_delayed);
        let is_one_to_one = matching.cardinality == Cardinality::OneToOne;
        let mut labels = many.only(|name| {
            if drops && is_metadata(name) {
                return false;
            }
            match &matching.on {
                _ if !is_one_to_one => true,
                Grouping::By(names) => names.iter().any(|on| on == name),
                Grouping::Without(names) => !names.iter().any(|ignored| ignored == name),
                Grouping::AllBut(_) | Grouping::All => true,
            }
        });
        for name in &matching.include {
            labels = labels.with(name, one.get(name).unwrap_or(""));
        }
        labels
    }

    /// Two series of one match on the "one" side with a value at the same step, where the other side has any.
    fn check_unique(&self, one: &Matched<'_>) -> Evaluated {
        let steps = self.evaluation.steps.count;
        let has_fill = self.fills() != (None, None);
        let is_any_present =
            |step: usize| has_fill || self.many.iter().any(|series| series.column.as_ref().has(step));
        for (group, members) in one.members.iter().enumerate().filter(|(_, members)| members.len() > 1) {
            let mut owner: Vec<Option<usize>> = vec![None; steps];
            for member in members {
                for step in (0..steps).filter(|step| self.one[*member].column.as_ref().has(*step)) {
                    let Some(earlier) = owner[step].replace(*member) else { continue };
                    if is_any_present(step) {
                        return Err(self.duplicate(one.groups.labels(group), earlier, *member));
                    }
                }
            }
        }
        Ok(())
    }

    fn duplicate(&self, group: &Labels, first: usize, second: usize) -> QueryError {
        let side = if self.is_swapped() { "left" } else { "right" };
        let mut pair = [&self.one[first].labels, &self.one[second].labels].map(Labels::to_string);
        pair.sort();
        conflict(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];\
             many-to-many matching not allowed: matching labels must be unique on one side",
            pair[0], pair[1],
        ))
    }
}

fn side(series: &Series, step: usize) -> Side<'_> {
    match series.column.as_ref().histogram(step) {
        Some(histogram) => Side::Histogram(histogram),
        None => Side::Float(series.column.floats[step]),
    }
}
