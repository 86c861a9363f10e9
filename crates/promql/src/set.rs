//! `and`, `or` and `unless`: which series of two vectors stay, by whether the other has any of the same group.

use crate::column::{ABSENT, ColumnRef, Name, Row, Unnumbered};
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::grouping::{Grouping, Groups};
use crate::plan::{SetOperator, Vector};

/// Where each group has any series of the side that decides.
struct Present<'g> {
    groups: Groups<'g>,
    steps: usize,
    at: Vec<Vec<bool>>,
}

impl<'g> Present<'g> {
    fn new(on: &'g Grouping, steps: usize) -> Self {
        Self { groups: Groups::new(on), steps, at: Vec::new() }
    }

    fn place(&mut self, lent: Row<'_>) -> usize {
        let group = self.groups.place(lent.labels, lent.name == Name::Dropped);
        if group == self.at.len() {
            self.at.push(vec![false; self.steps]);
        }
        group
    }

    fn mark(&mut self, lent: Row<'_>) {
        let group = self.place(lent);
        for (step, is_present) in self.at[group].iter_mut().enumerate() {
            *is_present |= lent.column.has(step);
        }
    }

    fn of(&self, lent: Row<'_>) -> Option<&[bool]> {
        self.groups.find(lent.labels, lent.name == Name::Dropped).map(|group| &*self.at[group])
    }
}

impl Evaluation<'_> {
    #[inline(never)]
    pub(crate) fn set(
        self,
        operator: SetOperator,
        on: &Grouping,
        left: &Vector,
        right: &Vector,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        if operator == SetOperator::Or {
            return self.either(on, left, right, sink);
        }
        let mut present = Present::new(on, self.steps.count);
        self.stream(right, &mut |lent| {
            self.budget().use_points(self.steps.count)?;
            present.mark(lent);
            Ok(())
        })?;
        let keeps_present = operator == SetOperator::And;
        self.stream(left, &mut |lent| {
            let unnumbered = Unnumbered(lent.labels);
            match present.of(Row { labels: &unnumbered, ..lent }) {
                None if keeps_present => Ok(()),
                None => sink(lent),
                Some(mask) => masked(lent, mask, keeps_present, sink),
            }
        })
    }

    /// A chain of `or` is one walk over its terms, however many there are: each adds what none before it has.
    fn either(self, on: &Grouping, left: &Vector, right: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        let (mut first, mut others) = (left, vec![right]);
        while let Vector::Set { operator: SetOperator::Or, matching, left, right } = first
            && matching == on
        {
            others.push(right);
            first = left;
        }
        let steps = self.steps.count;
        let mut present = Present::new(on, steps);
        self.stream(first, &mut |lent| {
            self.budget().use_points(steps)?;
            present.mark(lent);
            sink(lent)
        })?;
        while let Some(term) = others.pop() {
            // Series of one term do not stand in each other's way, so what it has counts from the next one on.
            let mut had: Vec<(usize, Vec<bool>)> = Vec::new();
            self.stream(term, &mut |lent| {
                let unnumbered = Unnumbered(lent.labels);
                let lent = Row { labels: &unnumbered, ..lent };
                if !others.is_empty() {
                    self.budget().use_points(steps)?;
                    had.push((present.place(lent), (0..steps).map(|step| lent.column.has(step)).collect()));
                }
                match present.of(lent) {
                    None => sink(lent),
                    Some(mask) => masked(lent, mask, false, sink),
                }
            })?;
            for (group, had) in had {
                present.at[group].iter_mut().zip(had).for_each(|(is_present, had)| *is_present |= had);
            }
        }
        Ok(())
    }
}

/// The series at the steps at which the mask is so.
fn masked(lent: Row<'_>, mask: &[bool], kept: bool, sink: &mut Sink<'_>) -> Evaluated {
    if mask.iter().all(|is_so| *is_so == kept) {
        return sink(lent);
    }
    let mut column = lent.column.to_owned();
    for (step, _) in mask.iter().enumerate().filter(|(_, is_so)| **is_so != kept) {
        column.floats[step] = ABSENT;
        if let Some(cell) = column.histograms.get_mut(step) {
            *cell = None;
        }
    }
    let column: ColumnRef<'_> = column.as_ref();
    if column.is_empty() { Ok(()) } else { sink(lent.with(column)) }
}
