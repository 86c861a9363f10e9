//! Native histograms while they are calculated with: every count a sum that holds its precision.
//!
//! Two histograms are brought to one layout before they are added: to the coarser of two exponential schemas, to
//! a zero bucket that ends between populated buckets of both, or to the custom bounds that both have.

use std::sync::Arc;

use super::buckets::exponential_bound;
use super::{Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram};
use crate::sum::Sum;

/// One exponential and one custom layout do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What was remarkable about an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remarks {
    /// One of the two says that it was reset, the other that it was not.
    pub(crate) resets_collide: bool,
    /// Custom bounds that only one of the two has were given up.
    pub(crate) bounds_reconciled: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Sparse {
    pub(crate) hint: CounterResetHint,
    schema: i8,
    zero_threshold: f64,
    zero: Sum,
    count: Sum,
    sum: Sum,
    /// Sorted by index.
    positive: Vec<(i32, Sum)>,
    negative: Vec<(i32, Sum)>,
    bounds: Arc<[f64]>,
}

impl From<&Histogram> for Sparse {
    fn from(of: &Histogram) -> Self {
        let side =
            |side: &Buckets| side.indexed().map(|(index, count)| (index, Sum::of(count))).collect::<Vec<_>>();
        Self {
            hint: of.counter_reset_hint,
            schema: of.schema,
            zero_threshold: of.zero_threshold,
            zero: Sum::of(of.zero_count),
            count: Sum::of(of.count),
            sum: Sum::of(of.sum),
            positive: side(&of.positive),
            negative: side(&of.negative),
            bounds: Arc::clone(&of.custom_bounds),
        }
    }
}

impl Sparse {
    /// Without any observation, in the layout of another.
    pub(crate) fn empty_like(of: &Histogram) -> Self {
        let none = Histogram {
            counter_reset_hint: CounterResetHint::Unknown,
            schema: of.schema,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: Buckets::default(),
            negative: Buckets::default(),
            custom_bounds: Arc::clone(&of.custom_bounds),
        };
        Self::from(&none)
    }

    /// As a histogram without empty buckets.
    pub(crate) fn histogram(&self) -> Histogram {
        let side =
            |side: &[(i32, Sum)]| Buckets::compact(side.iter().map(|(index, sum)| (*index, sum.total())));
        Histogram {
            counter_reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero.total(),
            count: self.count.total(),
            sum: self.sum.total(),
            positive: side(&self.positive),
            negative: side(&self.negative),
            custom_bounds: Arc::clone(&self.bounds),
        }
    }

    pub(crate) fn add(&mut self, other: &Histogram) -> Result<Remarks, Incompatible> {
        self.combine(Self::from(other), 1.0)
    }

    pub(crate) fn subtract(&mut self, other: &Histogram) -> Result<Remarks, Incompatible> {
        self.combine(Self::from(other), -1.0)
    }

    /// Adds the other one so many times.
    pub(crate) fn combine(&mut self, mut other: Self, times: f64) -> Result<Remarks, Incompatible> {
        if (self.schema == CUSTOM_BUCKETS_SCHEMA) != (other.schema == CUSTOM_BUCKETS_SCHEMA) {
            return Err(Incompatible);
        }
        let resets_collide = self.take_hint(other.hint);
        let mut bounds_reconciled = false;
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            if self.bounds != other.bounds {
                bounds_reconciled = true;
                let common = common_bounds(&self.bounds, &other.bounds);
                self.rebound(&common);
                other.rebound(&common);
            }
        } else {
            self.reconcile_zero(&mut other);
            let schema = self.schema.min(other.schema);
            self.coarsen(schema);
            other.coarsen(schema);
        }
        let added = |to: &mut Sum, value: Sum| to.add_sum(value.scaled(times));
        added(&mut self.zero, other.zero);
        added(&mut self.count, other.count);
        added(&mut self.sum, other.sum);
        merge(&mut self.positive, &other.positive, times);
        merge(&mut self.negative, &other.negative, times);
        Ok(Remarks { resets_collide, bounds_reconciled })
    }

    /// A gauge makes the sum a gauge; otherwise what is unknown, or contradicts, makes it unknown. Gives whether it
    /// contradicts.
    fn take_hint(&mut self, other: CounterResetHint) -> bool {
        use CounterResetHint::{Gauge, Unknown};
        match (self.hint, other) {
            (own, other) if own == other => false,
            (Gauge, _) => false,
            (_, Gauge) => {
                self.hint = Gauge;
                false
            }
            (Unknown, _) => false,
            (_, Unknown) => {
                self.hint = Unknown;
                false
            }
            _ => {
                self.hint = Unknown;
                true
            }
        }
    }

    fn each_sum(&mut self, change: impl Fn(&mut Sum)) {
        [&mut self.zero, &mut self.count, &mut self.sum].into_iter().for_each(&change);
        self.positive.iter_mut().chain(&mut self.negative).for_each(|(_, sum)| change(sum));
    }

    pub(crate) fn multiply(&mut self, factor: f64) {
        self.each_sum(|sum| *sum = sum.scaled(factor));
        if factor < 0.0 {
            self.hint = CounterResetHint::Gauge;
        }
    }

    pub(crate) fn divide(&mut self, divisor: f64) {
        self.each_sum(|sum| *sum = sum.divided(divisor));
    }

    /// Whether any number became too large.
    pub(crate) fn is_overflown(&self) -> bool {
        let all = self.positive.iter().chain(&self.negative).map(|(_, sum)| sum);
        [&self.zero, &self.count, &self.sum].into_iter().chain(all).any(|sum| sum.total().is_infinite())
    }

    /// To a schema that is not finer than its own.
    pub(crate) fn coarsen(&mut self, schema: i8) {
        if schema >= self.schema || self.schema == CUSTOM_BUCKETS_SCHEMA || schema == CUSTOM_BUCKETS_SCHEMA {
            return;
        }
        let shift = self.schema - schema;
        for side in [&mut self.positive, &mut self.negative] {
            side.iter_mut().for_each(|(index, _)| *index = ((*index - 1) >> shift) + 1);
            side.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1.add_sum(next.1);
                }
                same
            });
        }
        self.schema = schema;
    }

    /// Widens the zero buckets of both until they are the same.
    fn reconcile_zero(&mut self, other: &mut Self) {
        while self.zero_threshold != other.zero_threshold {
            let wider = self.zero_threshold.max(other.zero_threshold);
            self.widen_zero(wider);
            other.widen_zero(self.zero_threshold);
        }
    }

    /// Widens the zero bucket to the threshold, or further, to where no populated bucket is cut.
    pub(crate) fn widen_zero(&mut self, threshold: f64) {
        let mut threshold = threshold;
        if threshold <= self.zero_threshold || threshold.is_nan() {
            return;
        }
        let schema = self.schema;
        // Sides are alike, as bounds are taken without their sign.
        while let Some((index, _)) =
            [&self.positive, &self.negative].into_iter().flatten().find(|(index, sum)| {
                let (lower, upper) =
                    (exponential_bound(schema, index - 1), exponential_bound(schema, *index));
                lower < threshold && upper > threshold && sum.total() != 0.0
            })
        {
            threshold = exponential_bound(schema, *index);
        }
        for side in [&mut self.positive, &mut self.negative] {
            let swallowed =
                side.partition_point(|(index, _)| exponential_bound(schema, index - 1) < threshold);
            side.drain(..swallowed).for_each(|(_, sum)| self.zero.add_sum(sum));
        }
        self.zero_threshold = threshold;
    }

    /// To bounds that are a part of its own.
    fn rebound(&mut self, bounds: &Arc<[f64]>) {
        let own = &self.bounds;
        for (index, _) in &mut self.positive {
            let upper = usize::try_from(*index).ok().and_then(|index| own.get(index)).copied();
            let target = upper.map_or(bounds.len(), |upper| bounds.partition_point(|bound| *bound < upper));
            *index = i32::try_from(target).unwrap_or(i32::MAX);
        }
        self.positive.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.add_sum(next.1);
            }
            same
        });
        self.bounds = Arc::clone(bounds);
    }

    /// Whether the counter that was at `before` was reset before it came to this.
    pub(crate) fn into_reset_since(mut self, mut before: Self) -> bool {
        match self.hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count.total() < before.count.total() {
            return true;
        }
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            if before.schema != CUSTOM_BUCKETS_SCHEMA {
                return true;
            }
            if self.bounds != before.bounds {
                let common = common_bounds(&self.bounds, &before.bounds);
                self.rebound(&common);
                before.rebound(&common);
            }
        } else {
            if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
                return true;
            }
            before.widen_zero(self.zero_threshold);
            if before.zero_threshold != self.zero_threshold || self.zero.total() < before.zero.total() {
                return true;
            }
            before.coarsen(self.schema);
        }
        has_fewer(&self.positive, &before.positive) || has_fewer(&self.negative, &before.negative)
    }
}

impl Histogram {
    /// Whether the counter that was at `before` was reset before it came to this.
    pub(crate) fn is_reset_since(&self, before: &Self) -> bool {
        Sparse::from(self).into_reset_since(Sparse::from(before))
    }

    /// With all counts and the sum multiplied.
    #[must_use]
    pub(crate) fn multiplied(&self, factor: f64) -> Self {
        let mut sparse = Sparse::from(self);
        sparse.multiply(factor);
        sparse.histogram()
    }

    /// With all counts and the sum divided; by zero, no bucket is left.
    #[must_use]
    pub(crate) fn divided(&self, divisor: f64) -> Self {
        let mut sparse = Sparse::from(self);
        sparse.divide(divisor);
        if divisor == 0.0 {
            sparse.positive.clear();
            sparse.negative.clear();
        } else if divisor < 0.0 {
            sparse.hint = CounterResetHint::Gauge;
        }
        sparse.histogram()
    }
}

/// Whether any bucket holds less than it did before.
fn has_fewer(now: &[(i32, Sum)], before: &[(i32, Sum)]) -> bool {
    let mut at = 0;
    before.iter().any(|(index, sum)| {
        while at < now.len() && now[at].0 < *index {
            at += 1;
        }
        match now.get(at).filter(|(found, _)| found == index) {
            Some((_, found)) => found.total() < sum.total(),
            None => sum.total() != 0.0,
        }
    })
}

fn merge(to: &mut Vec<(i32, Sum)>, from: &[(i32, Sum)], times: f64) {
    if to.len() == from.len() && to.iter().zip(from).all(|(to, from)| to.0 == from.0) {
        to.iter_mut().zip(from).for_each(|(to, from)| to.1.add_sum(from.1.scaled(times)));
        return;
    }
    let own = std::mem::take(to);
    let (mut own, mut other) = (own.into_iter().peekable(), from.iter().peekable());
    loop {
        match (own.peek(), other.peek()) {
            (Some((a, _)), Some((b, _))) if a == b => {
                let (Some((index, mut sum)), Some((_, added))) = (own.next(), other.next()) else { return };
                sum.add_sum(added.scaled(times));
                to.push((index, sum));
            }
            (Some((a, _)), Some((b, _))) if a < b => to.extend(own.next()),
            (Some(_), None) => to.extend(own.next()),
            (_, Some(_)) => to.extend(other.next().map(|(index, sum)| (*index, sum.scaled(times)))),
            (None, None) => return,
        }
    }
}

fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    a.iter().copied().filter(|bound| b.binary_search_by(|other| other.total_cmp(bound)).is_ok()).collect()
}
