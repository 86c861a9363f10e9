//! Evaluates a plan: each node hands its series on one by one, as columns of values at every step.
//!
//! What can take a series as it comes (functions, folding aggregations) holds none; what needs several side by side
//! collects them.

use kernel::Labels;

use crate::budget::Held;
use crate::column::{ABSENT, Cell, Column, ColumnRef, Name, Row, Scalars, Series, Steps, is_present};
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::merge::{Merged, SAME_LABELS};
use crate::plan::{QueryConstant, Scalar, Vector};
use crate::{QueryError, relabel};

/// Series that are held side by side.
pub(crate) struct Collected<'q> {
    pub(crate) series: Vec<Series>,
    _held: Held<'q>,
}

impl<'q> Evaluation<'q> {
    /// Hands every series of the vector that has a value at any step to the sink, each label set once.
    pub(crate) fn stream(self, vector: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        if !vector.may_collide(self.shared.settings.delayed_name_removal) {
            return self.stream_unmerged(vector, sink);
        }
        let is_strict = matches!(vector, Vector::OverRange(_));
        let mut merged = Merged::new(SAME_LABELS, is_strict);
        let mut held = self.budget().hold();
        self.stream_unmerged(vector, &mut |lent| {
            self.budget().use_points(lent.column.floats.len())?;
            Ok(held.add(merged.add(lent)?)?)
        })?;
        merged.into_series().try_for_each(|series| sink(series.lend()))
    }

    pub(crate) fn collect(self, vector: &Vector) -> Result<Collected<'q>, QueryError> {
        let (mut series, mut held) = (Vec::new(), self.budget().hold());
        self.stream(vector, &mut |lent| {
            self.budget().use_points(lent.column.floats.len())?;
            let one = lent.to_series();
            held.add(one.column.bytes())?;
            series.push(one);
            Ok(())
        })?;
        Ok(Collected { series, _held: held })
    }

    /// Each arm is a function of its own, so that deep expressions need little stack.
    fn stream_unmerged(self, vector: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        match vector {
            Vector::Select(selector) => self.look_back(selector, sink),
            Vector::Smoothed { selector, at } => self.smoothed(selector, *at, sink),
            Vector::SelectTimestamps(selector) => self.timestamps(selector, sink),
            Vector::SelectStarts(selector) => self.starts(selector, sink),
            Vector::OverRange(over) => self.over_range(over, sink),
            Vector::AbsentOverTime { window, labels } => self.absent_over_time(window, labels, sink),
            Vector::Mapped { by, of, at } => self.map(by, of, *at, sink),
            Vector::Joined(join) => self.join(join, sink),
            Vector::Set { operator, matching, left, right } => {
                self.set(*operator, matching, left, right, sink)
            }
            Vector::Aggregated(aggregation) => self.aggregate(aggregation, sink),
            Vector::Absent { of, labels } => self.absent(of, labels, sink),
            Vector::Quantiles(quantiles) => self.quantiles(quantiles, sink),
            Vector::Fraction { lower, upper, of, at } => self.fraction(lower, upper, of, *at, sink),
            Vector::OfScalar(scalar) => self.of_scalar(scalar, sink),
            Vector::LabelReplaced { to, replacement, from, pattern, of } => {
                self.stream(of, &mut |lent| relabel::replaced(lent, to, replacement, from, pattern, sink))
            }
            Vector::LabelsJoined { to, separator, from, of } => {
                self.stream(of, &mut |lent| relabel::joined(lent, to, separator, from, sink))
            }
            Vector::Sorted { order, of, at } => self.sorted(order, of, *at, sink),
            Vector::Info(info) => self.info(info, sink),
            Vector::Constant(of) => self.constant(of, sink),
        }
    }

    #[inline(never)]
    fn of_scalar(self, scalar: &Scalar, sink: &mut Sink<'_>) -> Evaluated {
        let scalars = self.scalars(scalar)?;
        let column: Vec<f64> = (0..self.steps.count).map(|step| scalars.at(step)).collect();
        let labels = Labels::default();
        sink(Row { labels: &labels, name: Name::Kept, column: ColumnRef::of_floats(&column) })
    }

    /// Evaluates once, and repeats the values at every step.
    #[inline(never)]
    fn constant(self, of: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        if !self.is_range() {
            return self.stream(of, sink);
        }
        let count = self.steps.count;
        let mut column = Column::default();
        self.at(Steps::once(self.steps.first)).stream(of, &mut |lent| {
            column.clear();
            column.floats.resize(count, lent.column.floats[0]);
            if let Some(histogram) = lent.column.histogram(0) {
                column.histograms.resize(count, Cell::Some(histogram.clone()));
            }
            sink(lent.with(column.as_ref()))
        })
    }

    pub(crate) fn scalars(self, scalar: &Scalar) -> Result<Scalars, QueryError> {
        let times = self.shared.times;
        let secs = |ms: i64| ms as f64 / 1000.0;
        Ok(match scalar {
            Scalar::Number(number) => Scalars::Constant(*number),
            Scalar::Query(constant) => Scalars::Constant(match constant {
                QueryConstant::Start => secs(times.start_ms),
                QueryConstant::End => secs(times.end_ms),
                QueryConstant::Range => secs(times.end_ms.saturating_sub(times.start_ms)),
                QueryConstant::Step if times.start_ms == times.end_ms => 0.0,
                QueryConstant::Step => secs(times.step_ms),
            }),
            Scalar::Time => {
                Scalars::PerStep((0..self.steps.count).map(|step| secs(self.steps.at(step))).collect())
            }
            Scalar::Mapped(by, of) => self.scalars(of)?.map(by),
            Scalar::Combined(by, left, right) => self.scalars(left)?.with(self.scalars(right)?, by),
            Scalar::Calculated { operator, left, right } => {
                let operator = *operator;
                let of = |a, b| operator.of(a, b, a).unwrap_or(f64::NAN);
                self.scalars(left)?.with(self.scalars(right)?, of)
            }
            Scalar::Only(vector) => self.only(vector)?,
        })
    }

    /// The number of the only series that has one, at every step.
    #[inline(never)]
    fn only(self, vector: &Vector) -> Result<Scalars, QueryError> {
        let mut only = vec![ABSENT; self.steps.count];
        let mut many = vec![false; self.steps.count];
        self.stream(vector, &mut |lent| {
            for (step, value) in
                lent.column.floats.iter().enumerate().filter(|(_, value)| is_present(**value))
            {
                many[step] |= is_present(only[step]);
                only[step] = *value;
            }
            Ok(())
        })?;
        let one = |(value, many): (f64, bool)| if many || !is_present(value) { f64::NAN } else { value };
        Ok(Scalars::PerStep(only.into_iter().zip(many).map(one).collect()))
    }

    #[inline(never)]
    fn absent(self, of: &Vector, labels: &Labels, sink: &mut Sink<'_>) -> Evaluated {
        let mut column = vec![1.0; self.steps.count];
        self.stream_unmerged(of, &mut |lent| {
            for (step, absent) in column.iter_mut().enumerate() {
                if lent.column.has(step) {
                    *absent = ABSENT;
                }
            }
            Ok(())
        })?;
        let column = ColumnRef::of_floats(&column);
        if column.is_empty() { Ok(()) } else { sink(Row { labels, name: Name::Kept, column }) }
    }
}
