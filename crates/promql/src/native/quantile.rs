//! Where in a native histogram a part of its observations lies.
//!
//! Within a bucket, observations are taken to lie as evenly as the bounds of finer schemas do: exponentially, and
//! linearly in the zero bucket and in custom buckets.

use super::{Bucket, Histogram};

/// What observations of NaN did to a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanRemark {
    /// The quantile lies among them.
    Result,
    /// They count as if they were above all others.
    Skew,
    /// They are in no part.
    LeftOut,
}

impl Histogram {
    /// The value below which this part of the observations lies.
    pub(crate) fn quantile(&self, q: f64) -> (f64, Option<NanRemark>) {
        if q < 0.0 {
            return (f64::NEG_INFINITY, None);
        }
        if q > 1.0 {
            return (f64::INFINITY, None);
        }
        if self.count == 0.0 || q.is_nan() {
            return (f64::NAN, None);
        }
        // NaN observations are counted, but in no bucket, so that nothing can be said from above.
        let has_nan = self.sum.is_nan();
        if has_nan || q < 0.5 {
            self.quantile_within(q * self.count, self.buckets(), has_nan, false)
        } else {
            self.quantile_within((1.0 - q) * self.count, self.buckets().rev(), has_nan, true)
        }
    }

    fn quantile_within(
        &self,
        rank: f64,
        mut buckets: impl Iterator<Item = Bucket>,
        has_nan: bool,
        is_from_above: bool,
    ) -> (f64, Option<NanRemark>) {
        let mut found = Bucket { lower: 0.0, upper: 0.0, has_lower: true, has_upper: true, count: 0.0 };
        let mut passed = 0.0;
        for bucket in buckets.by_ref() {
            found = bucket;
            passed += bucket.count;
            if bucket.count != 0.0 && passed >= rank {
                break;
            }
        }
        if self.has_custom_buckets() {
            if found.lower == f64::NEG_INFINITY {
                if found.upper <= 0.0 {
                    return (found.upper, None);
                }
                found.lower = 0.0;
            } else if found.upper == f64::INFINITY {
                return (found.lower, None);
            }
        } else if found.lower < 0.0 && found.upper > 0.0 {
            found = self.one_sided(found);
        }
        let passed = passed.min(self.count);
        if passed < rank {
            return if has_nan { (f64::NAN, Some(NanRemark::Result)) } else { (found.upper, None) };
        }
        let within = if is_from_above { passed - rank } else { rank - (passed - found.count) };
        let all = passed + buckets.map(|bucket| bucket.count).sum::<f64>();
        let remark = (has_nan && all < self.count).then_some(NanRemark::Skew);
        let fraction = within / found.count;
        if self.has_custom_buckets() || (found.lower <= 0.0 && found.upper >= 0.0) {
            return (found.lower + (found.upper - found.lower) * fraction, remark);
        }
        let (lower, upper) = (found.lower.abs().log2(), found.upper.abs().log2());
        let value = if found.lower > 0.0 {
            (lower + (upper - lower) * fraction).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - fraction)).exp2()
        };
        (value, remark)
    }

    /// The zero bucket reaches to the side on which there are other buckets only.
    fn one_sided(&self, zero: Bucket) -> Bucket {
        match (self.negative.counts.is_empty(), self.positive.counts.is_empty()) {
            (true, false) => Bucket { lower: 0.0, ..zero },
            (false, true) => Bucket { upper: 0.0, ..zero },
            _ => zero,
        }
    }

    /// Which part of the observations lies between two values.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> (f64, Option<NanRemark>) {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, None);
        }
        if lower >= upper {
            return (0.0, None);
        }
        let in_buckets: f64 = self.buckets().map(|bucket| bucket.count).sum();
        let has_nan = self.sum.is_nan();
        let observed = if has_nan { in_buckets } else { self.count };
        let below = |value: f64| self.below(value).map_or(observed, |count| count.min(observed));
        let remark = (has_nan && observed < self.count).then_some(NanRemark::LeftOut);
        ((below(upper) - below(lower)) / self.count, remark)
    }

    /// Observations below a value; `None` where it is above all buckets.
    fn below(&self, value: f64) -> Option<f64> {
        let mut passed = 0.0;
        for mut bucket in self.buckets() {
            let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            if is_zero {
                bucket = self.one_sided(bucket);
            }
            if bucket.lower >= value {
                return Some(passed);
            }
            if bucket.upper > value {
                let is_linear = self.has_custom_buckets() || is_zero;
                if is_linear && bucket.lower == f64::NEG_INFINITY {
                    return Some(bucket.count);
                }
                return Some(passed + bucket.count * bucket.part_below(value, is_linear));
            }
            passed += bucket.count;
        }
        None
    }
}

impl Bucket {
    /// Which part of the bucket lies below a value within it.
    pub(super) fn part_below(&self, value: f64, is_linear: bool) -> f64 {
        if is_linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|bound| bound.abs().log2());
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}
