//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`: of native histograms, and of classic ones,
//! which are one series per bucket with its upper bound in the label `le`.

use std::sync::Arc;

use kernel::Labels;

use crate::annotations::Raised;
use crate::classic::{self, Bucket};
use crate::column::{ABSENT, Column, ColumnRef, Name, Row, Scalars, Series};
use crate::evaluation::{Evaluated, Evaluation, Sink};
use crate::grouping::{Grouping, Groups};
use crate::native::{Histogram, NanRemark};
use crate::plan::{Quantiles, Scalar, Vector};
use crate::{METRIC_NAME, QueryError, number};

const UPPER_BOUND: &str = "le";

/// All histograms of a vector, of both kinds.
struct Histograms {
    series: Vec<Series>,
    /// The series of each classic histogram, sorted by bound.
    classic: Vec<Classic>,
    /// The series that are native histograms.
    native: Vec<usize>,
}

struct Classic {
    labels: Labels,
    bounds: Vec<(f64, usize)>,
}

/// What is asked of a histogram.
enum Asked<'a> {
    Quantile(&'a Scalars),
    Fraction(&'a Scalars, &'a Scalars),
}

impl Asked<'_> {
    fn of_native(&self, histogram: &Histogram, step: usize) -> (f64, Option<NanRemark>) {
        match self {
            Asked::Quantile(q) => histogram.quantile(q.at(step)),
            Asked::Fraction(lower, upper) => histogram.fraction(lower.at(step), upper.at(step)),
        }
    }

    fn of_classic(&self, buckets: &mut Vec<Bucket>, step: usize) -> (f64, Option<classic::Raise>) {
        match self {
            Asked::Quantile(q) => classic::quantile(q.at(step), buckets),
            Asked::Fraction(lower, upper) => {
                (classic::fraction(lower.at(step), upper.at(step), buckets), None)
            }
        }
    }
}

impl Evaluation<'_> {
    #[inline(never)]
    pub(crate) fn quantiles(self, quantiles: &Quantiles, sink: &mut Sink<'_>) -> Evaluated {
        let mut asked = Vec::with_capacity(quantiles.quantiles.len());
        for (quantile, at) in &quantiles.quantiles {
            let q = self.scalars(quantile)?;
            q.values().iter().for_each(|q| self.shared.note_quantile(*q, *at));
            asked.push(q);
        }
        let (histograms, _held) = self.histograms(&quantiles.of, quantiles.of_at)?;
        for q in &asked {
            let label = quantiles.label.as_deref();
            self.each_histogram(
                &histograms,
                &Asked::Quantile(q),
                quantiles.of_at,
                &mut |lent| match label {
                    None => sink(lent),
                    Some(label) => labelled(lent, label, q, sink),
                },
            )?;
        }
        Ok(())
    }

    #[inline(never)]
    pub(crate) fn fraction(
        self,
        lower: &Scalar,
        upper: &Scalar,
        of: &Vector,
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let (lower, upper) = (self.scalars(lower)?, self.scalars(upper)?);
        let (histograms, _held) = self.histograms(of, at)?;
        self.each_histogram(&histograms, &Asked::Fraction(&lower, &upper), at, sink)
    }

    fn histograms(self, of: &Vector, at: usize) -> Result<(Histograms, impl Sized), QueryError> {
        let mut collected = self.collect(of)?;
        let series = std::mem::take(&mut collected.series);
        // Two histograms of different names stay apart here, so that they collide once the name is dropped.
        let mut groups = Groups::new(const { &Grouping::AllBut(UPPER_BOUND) });
        let mut histograms = Histograms { series, classic: Vec::new(), native: Vec::new() };
        for (index, one) in histograms.series.iter().enumerate() {
            if !one.column.histograms.is_empty() {
                histograms.native.push(index);
            }
            if ColumnRef::of_floats(&one.column.floats).is_empty() {
                continue;
            }
            let label = one.labels.get(UPPER_BOUND).unwrap_or("");
            let Some(upper) = number::parse_go(label) else {
                self.shared.note_bucket_label(self.told_name(&one.labels), label, at);
                continue;
            };
            let group = groups.place(&one.labels, false);
            if group == histograms.classic.len() {
                let labels = groups.labels(group).clone();
                histograms.classic.push(Classic { labels, bounds: Vec::new() });
            }
            histograms.classic[group].bounds.push((upper, index));
        }
        for classic in &mut histograms.classic {
            classic.bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Ok((histograms, collected))
    }

    /// Where names are dropped at once, they are not told either.
    fn told_name(self, labels: &Labels) -> &str {
        if self.shared.settings.delayed_name_removal { labels.get(METRIC_NAME).unwrap_or("") } else { "" }
    }

    fn each_histogram(
        self,
        histograms: &Histograms,
        asked: &Asked<'_>,
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Evaluated {
        let mut column = Column::default();
        // At a step at which there is a classic histogram of the same labels, neither counts.
        let mut conflicts: Vec<(usize, usize)> = Vec::new();
        for index in &histograms.native {
            self.budget().check_cancelled()?;
            let series = &histograms.series[*index];
            let twin = histograms.classic.iter().position(|classic| classic.labels == series.labels);
            column.clear();
            for step in 0..self.steps.count {
                let histogram = series.column.as_ref().histogram(step);
                let in_conflict = histogram.is_some()
                    && twin.is_some_and(|twin| histograms.classic[twin].has(step, &histograms.series));
                let value = match (histogram, twin) {
                    (Some(_), Some(twin)) if in_conflict => {
                        conflicts.push((twin, step));
                        self.shared.note_classic_and_native(self.told_name(&series.labels), at);
                        ABSENT
                    }
                    (Some(histogram), _) => self.of_native(asked, histogram, &series.labels, step, at),
                    (None, _) => ABSENT,
                };
                column.floats.push(value);
            }
            self.send_unnamed(&series.labels, column.as_ref(), sink)?;
        }
        let mut buckets = Vec::new();
        for (index, classic) in histograms.classic.iter().enumerate() {
            self.budget().check_cancelled()?;
            column.clear();
            for step in 0..self.steps.count {
                classic.buckets(step, &histograms.series, &mut buckets);
                if buckets.is_empty() || conflicts.contains(&(index, step)) {
                    column.floats.push(ABSENT);
                    continue;
                }
                let (value, raise) = asked.of_classic(&mut buckets, step);
                if let Some(raise) = raise {
                    self.note_raise(raise, &classic.labels, step, at);
                }
                column.floats.push(value);
            }
            self.send_unnamed(&classic.labels, column.as_ref(), sink)?;
        }
        Ok(())
    }

    fn of_native(
        self,
        asked: &Asked<'_>,
        histogram: &Arc<Histogram>,
        labels: &Labels,
        step: usize,
        at: usize,
    ) -> f64 {
        let (value, remark) = asked.of_native(histogram, step);
        if let Some(remark) = remark {
            self.shared.note_nan(remark, self.told_name(labels), at);
        }
        value
    }

    fn note_raise(self, raise: classic::Raise, labels: &Labels, step: usize, at: usize) {
        let now = self.steps.at(step);
        let raised = Raised {
            first_ms: now,
            last_ms: now,
            bucket_min: raise.bucket_min,
            bucket_max: raise.bucket_max,
            diff_max: raise.diff_max,
            samples: 1,
        };
        self.shared.note_raised(self.told_name(labels), raised, at);
    }

    fn send_unnamed(self, labels: &Labels, column: ColumnRef<'_>, sink: &mut Sink<'_>) -> Evaluated {
        if column.is_empty() { Ok(()) } else { sink(Row { labels, name: self.drop_name(), column }) }
    }
}

impl Classic {
    fn has(&self, step: usize, series: &[Series]) -> bool {
        self.bounds.iter().any(|(_, index)| crate::column::is_present(series[*index].column.floats[step]))
    }

    fn buckets(&self, step: usize, series: &[Series], buckets: &mut Vec<Bucket>) {
        buckets.clear();
        let at_step = self.bounds.iter().map(|(upper, index)| (*upper, series[*index].column.floats[step]));
        let present = at_step.filter(|(_, count)| crate::column::is_present(*count));
        buckets.extend(present.map(|(upper, count)| Bucket { upper, count }));
    }
}

/// With the quantile in a label; where it changes from step to step, one series for each.
fn labelled(lent: Row<'_>, label: &str, q: &Scalars, sink: &mut Sink<'_>) -> Evaluated {
    let labels = lent.labels();
    let mut told: Vec<f64> = Vec::new();
    for q in q.values() {
        if !told.iter().any(|one| one.to_bits() == q.to_bits()) {
            told.push(*q);
        }
    }
    let name = if lent.name == Name::ToDrop { Name::ToDrop } else { Name::Kept };
    for one in told {
        let labels = labels.with(label, &number::open_metrics(one));
        let mut column = lent.column.to_owned();
        for (step, value) in column.floats.iter_mut().enumerate() {
            if q.at(step).to_bits() != one.to_bits() {
                *value = ABSENT;
            }
        }
        if !column.as_ref().is_empty() {
            sink(Row { labels: &labels, name, column: column.as_ref() })?;
        }
    }
    Ok(())
}
