//! What is left of a native histogram above or below a value.
//!
//! Buckets that the value cuts are divided as quantiles divide them. The sum is estimated anew, from the middle of
//! what is left of each bucket.

use super::{Bucket, Buckets, Histogram};

/// Which side of the value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Below,
    Above,
}

/// What is left of a bucket: its count, and where in the middle of it observations are taken to lie.
struct Left {
    count: f64,
    middle: f64,
}

impl Histogram {
    /// The observations on one side of the value.
    #[must_use]
    pub(crate) fn trimmed(&self, value: f64, keep: Keep) -> Self {
        let is_custom = self.has_custom_buckets();
        let (mut count, mut sum, mut is_changed) = (0.0, 0.0, false);
        let mut part = |bucket: Bucket, is_positive: bool| {
            if bucket.count == 0.0 {
                return 0.0;
            }
            let left = left_of(bucket, value, keep, is_positive, is_custom);
            is_changed |= left.count != bucket.count;
            count += left.count;
            sum += left.middle * left.count;
            left.count
        };
        let positive: Vec<f64> = self.positive_buckets().map(|bucket| part(bucket, true)).collect();
        let negative: Vec<f64> = self.negative_buckets().map(|bucket| part(bucket, false)).collect();
        let mut trimmed = self.clone();
        if self.zero_count > 0.0 {
            let holds = |side: &Buckets| side.counts.iter().any(|count| *count != 0.0);
            let mut zero = self.zero_bucket();
            match (holds(&self.negative), holds(&self.positive)) {
                (true, false) => zero.upper = 0.0,
                (false, true) => zero.lower = 0.0,
                _ => {}
            }
            let left = left_of_zero(zero, value, keep);
            is_changed |= left.count != self.zero_count;
            count += left.count;
            sum += left.middle * left.count;
            trimmed.zero_count = left.count;
        }
        if !is_changed {
            return trimmed;
        }
        trimmed.positive.counts.clone_from(&positive);
        trimmed.negative.counts.clone_from(&negative);
        trimmed.count = count;
        trimmed.sum = sum;
        trimmed.compacted()
    }
}

fn left_of(bucket: Bucket, value: f64, keep: Keep, is_positive: bool, is_custom: bool) -> Left {
    let Bucket { lower, upper, count, .. } = bucket;
    let whole = || Left { count, middle: middle(lower, upper, is_positive, is_custom) };
    let nothing = Left { count: 0.0, middle: 0.0 };
    match keep {
        Keep::Below if upper <= value => return whole(),
        Keep::Below if lower >= value => return nothing,
        Keep::Above if lower >= value => return whole(),
        Keep::Above if upper <= value => return nothing,
        _ => {}
    }
    if lower == f64::NEG_INFINITY || upper == f64::INFINITY {
        return left_of_endless(bucket, value, keep);
    }
    let below = count * bucket.part_below(value, is_custom);
    match keep {
        Keep::Below => Left { count: below, middle: middle(lower, value, is_positive, is_custom) },
        Keep::Above => Left { count: count - below, middle: middle(value, upper, is_positive, is_custom) },
    }
}

/// Of a bucket without an end, nothing is known of where in it observations lie; with a positive upper bound, it is
/// taken to begin at zero.
fn left_of_endless(bucket: Bucket, value: f64, keep: Keep) -> Left {
    let Bucket { lower, upper, count, .. } = bucket;
    let is_from_zero = lower == f64::NEG_INFINITY && upper > 0.0 && upper.is_finite();
    match keep {
        Keep::Below if is_from_zero && value > 0.0 => {
            Left { count: count * value / upper, middle: value / 2.0 }
        }
        Keep::Above if is_from_zero && value >= 0.0 => {
            Left { count: count * (1.0 - value / upper), middle: f64::midpoint(value, upper) }
        }
        Keep::Below if lower == f64::NEG_INFINITY && upper <= 0.0 => Left { count, middle: value },
        Keep::Above if lower != f64::NEG_INFINITY => Left { count, middle: value },
        _ => Left { count: 0.0, middle: 0.0 },
    }
}

fn left_of_zero(zero: Bucket, value: f64, keep: Keep) -> Left {
    let Bucket { lower, upper, count, .. } = zero;
    let (from, to) = match keep {
        Keep::Below => (lower, value.clamp(lower, upper)),
        Keep::Above => (value.clamp(lower, upper), upper),
    };
    if from >= to {
        let is_whole = match keep {
            Keep::Below => value >= upper && value > lower,
            Keep::Above => value <= lower,
        };
        return Left { count: if is_whole { count } else { 0.0 }, middle: 0.0 };
    }
    if (from, to) == (lower, upper) {
        return Left { count, middle: f64::midpoint(lower, upper) };
    }
    Left { count: count * ((to - from) / (upper - lower)), middle: f64::midpoint(from, to) }
}

fn middle(lower: f64, upper: f64, is_positive: bool, is_linear: bool) -> f64 {
    if lower.is_infinite() {
        return match upper {
            upper if upper.is_infinite() => 0.0,
            upper if upper > 0.0 => upper / 2.0,
            upper => upper,
        };
    }
    if upper.is_infinite() {
        return lower;
    }
    if is_linear {
        return f64::midpoint(lower, upper);
    }
    let size = (lower * upper).abs().sqrt();
    if is_positive { size } else { -size }
}
