//! Classic histograms: cumulative buckets with their upper bounds.

/// Counts that differ by less than this part of themselves differ by rounding only.
const TOLERANCE: f64 = 1e-12;

/// Observations up to a bound, the bound included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Which buckets counted fewer than the one below them, and by how much at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Raise {
    pub(crate) bucket_min: f64,
    pub(crate) bucket_max: f64,
    pub(crate) diff_max: f64,
}

/// The quantile by linear interpolation within the bucket that it falls into; the buckets are sorted by bound.
///
/// NaN without a bucket up to infinity, with fewer than two buckets, or without observations. In the last bucket
/// it is the bound below; in a first one with a bound of zero or less, that bound (Prometheus, `BucketQuantile`).
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Raise>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return (f64::NAN, None);
    }
    merge_equal_bounds(buckets);
    let raise = make_monotonic(buckets);
    (of_monotonic(q, buckets), raise)
}

fn of_monotonic(q: f64, buckets: &[Bucket]) -> f64 {
    let [inner @ .., last] = buckets else { return f64::NAN };
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

/// Which part of the observations lies between two values; the buckets are sorted by bound.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return f64::NAN;
    }
    merge_equal_bounds(buckets);
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |value: f64| below(value, buckets).map_or(count, |found| found.min(count));
    (below(upper) - below(lower)) / count
}

/// Observations below a value; `None` where it is above all buckets.
fn below(value: f64, buckets: &[Bucket]) -> Option<f64> {
    let first = buckets.first()?;
    let mut from = if first.upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut passed = 0.0;
    for Bucket { upper, count } in buckets {
        if from >= value {
            return Some(passed);
        }
        if *upper > value {
            if from == f64::NEG_INFINITY {
                return Some(*count);
            }
            return Some(passed + (count - passed) * (value - from) / (upper - from));
        }
        (passed, from) = (*count, *upper);
    }
    None
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
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raise> {
    let mut below = buckets.first()?.count;
    let mut raise: Option<Raise> = None;
    for bucket in &mut buckets[1..] {
        let nearly_equal = bucket.count != below
            && (bucket.count - below).abs() < TOLERANCE * (bucket.count.abs() + below.abs());
        if nearly_equal {
            bucket.count = below;
        } else if bucket.count < below {
            let diff = below - bucket.count;
            bucket.count = below;
            let Bucket { upper, .. } = *bucket;
            let raise = raise.get_or_insert(Raise { bucket_min: upper, bucket_max: upper, diff_max: diff });
            raise.bucket_max = raise.bucket_max.max(upper);
            raise.diff_max = raise.diff_max.max(diff);
        } else {
            below = bucket.count;
        }
    }
    raise
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(q: f64, buckets: &[(f64, f64)]) -> f64 {
        let mut buckets: Vec<Bucket> =
            buckets.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect();
        quantile(q, &mut buckets).0
    }

    #[test]
    fn quantiles_are_interpolated_within_their_bucket() {
        let buckets = [(0.1, 1.0), (0.2, 3.0), (f64::INFINITY, 4.0)];
        assert_eq!(of(0.25, &buckets), 0.1);
        assert!((of(0.5, &buckets) - 0.15).abs() < 1e-12);
        assert_eq!(of(1.0, &buckets), 0.2);
        assert!(of(0.5, &buckets[..2]).is_nan());
        assert!(of(0.5, &[(f64::INFINITY, 4.0)]).is_nan());
    }

    #[test]
    fn counts_that_go_down_are_raised() {
        let mut buckets = [(0.1, 5.0), (0.2, 3.0), (0.4, 4.0), (f64::INFINITY, 6.0)]
            .map(|(upper, count)| Bucket { upper, count })
            .to_vec();
        let (_, raise) = quantile(0.5, &mut buckets);
        assert_eq!(raise, Some(Raise { bucket_min: 0.2, bucket_max: 0.4, diff_max: 2.0 }));
    }
}
