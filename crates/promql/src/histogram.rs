//! `histogram_quantile` of classic histograms: one series per bucket, its upper bound in the label `le`.

use crate::column::{ABSENT, is_present};
use crate::evaluate::{Evaluated, Evaluation, Sink, without_name};
use crate::grouping::{Grouping, Groups};
use crate::plan::{Scalar, Vector};

const UPPER_BOUND: &str = "le";
/// Counts that differ by less than this part of themselves differ by rounding only.
const TOLERANCE: f64 = 1e-12;

/// Observations up to a bound, the bound included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

impl Evaluation<'_> {
    pub(crate) fn histogram_quantile(&self, q: &Scalar, of: &Vector, sink: &mut Sink<'_>) -> Evaluated {
        let q = self.scalars(q)?;
        let series = self.collect(of)?;
        // Two histograms of different names stay apart here, so that they collide once the name is dropped.
        let grouping = Grouping::AllBut(UPPER_BOUND);
        let mut groups = Groups::new(&grouping);
        let mut histograms: Vec<Vec<(f64, usize)>> = Vec::new();
        for (index, one) in series.iter().enumerate() {
            let upper = one.labels.get(UPPER_BOUND).and_then(|text| text.parse::<f64>().ok());
            let Some(upper) = upper.filter(|upper| !upper.is_nan()) else { continue };
            let group = groups.place(&one.labels);
            if group == histograms.len() {
                histograms.push(Vec::new());
            }
            histograms[group].push((upper, index));
        }
        let (mut buckets, mut column) = (Vec::new(), Vec::with_capacity(self.steps.count));
        for (group, bounds) in histograms.iter_mut().enumerate() {
            self.budget.check_cancelled()?;
            bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            column.clear();
            for step in 0..self.steps.count {
                buckets.clear();
                let at_step = bounds.iter().map(|(upper, index)| (*upper, series[*index].column[step]));
                let present = at_step.filter(|(_, count)| is_present(*count));
                buckets.extend(present.map(|(upper, count)| Bucket { upper, count }));
                column.push(if buckets.is_empty() { ABSENT } else { quantile(q.at(step), &mut buckets) });
            }
            if column.iter().any(|value| is_present(*value)) {
                sink(&without_name(groups.labels(group)), &column)?;
            }
        }
        Ok(())
    }
}

/// The quantile by linear interpolation within the bucket that it falls into; the buckets are sorted by bound.
///
/// NaN without a bucket up to infinity, with fewer than two buckets, or without observations. In the last bucket
/// it is the bound below; in a first one with a bound of zero or less, that bound (Prometheus, `BucketQuantile`).
fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return f64::NAN;
    }
    merge_equal_bounds(buckets);
    make_monotonic(buckets);
    let [inner @ .., last] = buckets.as_slice() else { return f64::NAN };
    if inner.is_empty() || last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let rank = q * last.count;
    let at = inner.partition_point(|bucket| bucket.count < rank);
    if at == inner.len() {
        return inner[at - 1].upper;
    }
    let Bucket { upper, count } = inner[at];
    if at == 0 {
        return if upper <= 0.0 { upper } else { upper * (rank / count) };
    }
    let below = inner[at - 1];
    below.upper + (upper - below.upper) * ((rank - below.count) / (count - below.count))
}

/// `le="0.1"` and `le="1e-1"` are one bucket.
fn merge_equal_bounds(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let equal = next.upper == kept.upper;
        if equal {
            kept.count += next.count;
        }
        equal
    });
}

/// Buckets scraped at different times may count fewer than the one below; they are raised to it.
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some(first) = buckets.first() else { return };
    let mut below = first.count;
    for bucket in &mut buckets[1..] {
        let nearly_equal = (bucket.count - below).abs() <= TOLERANCE * (bucket.count.abs() + below.abs());
        if bucket.count < below || nearly_equal {
            bucket.count = below;
        } else {
            below = bucket.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(q: f64, buckets: &[(f64, f64)]) -> f64 {
        let mut buckets: Vec<Bucket> =
            buckets.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect();
        quantile(q, &mut buckets)
    }

    #[test]
    fn a_histogram_without_an_infinite_bucket_has_no_quantile() {
        assert!(of(0.5, &[(0.1, 1.0), (1.0, 2.0)]).is_nan());
        assert!(of(0.5, &[(f64::INFINITY, 2.0)]).is_nan());
        assert!(of(0.5, &[(1.0, 0.0), (f64::INFINITY, 0.0)]).is_nan());
    }

    #[test]
    fn what_is_above_the_last_bound_is_said_to_be_at_it() {
        assert_eq!(of(0.9, &[(1.0, 1.0), (2.0, 2.0), (f64::INFINITY, 10.0)]), 2.0);
    }

    #[test]
    fn a_bucket_that_counts_less_than_the_one_below_is_raised() {
        let fixed = of(0.5, &[(0.1, 20.0), (1.0, 10.0), (10.0, 50.0), (f64::INFINITY, 80.0)]);
        assert_eq!(fixed, of(0.5, &[(0.1, 20.0), (1.0, 20.0), (10.0, 50.0), (f64::INFINITY, 80.0)]));
    }
}
