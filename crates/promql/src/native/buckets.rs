//! The buckets of a native histogram as what they are: intervals with a count.

use std::fmt;
use std::sync::LazyLock;

use super::{BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, Histogram, SCHEMA_MAX};
use crate::number;

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Whether the lower bound belongs to it.
    pub has_lower: bool,
    /// Whether the upper bound belongs to it.
    pub has_upper: bool,
    /// What it holds; not cumulative.
    pub count: f64,
}

impl Buckets {
    /// The index of each bucket, in order.
    fn indexes(&self) -> Vec<i32> {
        let mut at = 0_i32;
        let mut indexes = Vec::with_capacity(self.counts.len());
        for BucketSpan { offset, length } in &self.spans {
            at = at.saturating_add(*offset);
            for _ in 0..*length {
                if indexes.len() == self.counts.len() {
                    return indexes;
                }
                indexes.push(at);
                at = at.saturating_add(1);
            }
        }
        indexes
    }

    /// Each bucket's index and count, in order.
    pub(crate) fn indexed(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + '_ {
        let indexes = self.indexes();
        // Both have the same length, so that they can be walked from both ends together.
        let counts = &self.counts[..indexes.len()];
        indexes.into_iter().zip(counts.iter().copied())
    }

    /// Of sorted indexes and their counts; what is empty is left out, and what follows each other is one span.
    pub(crate) fn compact(indexed: impl Iterator<Item = (i32, f64)>) -> Self {
        let mut buckets = Self::default();
        let mut next = None;
        for (index, count) in indexed.filter(|(_, count)| *count != 0.0) {
            match (next, buckets.spans.last_mut()) {
                (Some(next), Some(span)) if next == index => span.length += 1,
                _ => {
                    let offset = index.saturating_sub(next.unwrap_or(0));
                    buckets.spans.push(BucketSpan { offset, length: 1 });
                }
            }
            buckets.counts.push(count);
            next = Some(index.saturating_add(1));
        }
        buckets
    }

    /// Whether all buckets hold something, in spans that are apart.
    fn is_compact(&self) -> bool {
        let apart = self.spans.iter().skip(1).all(|span| span.offset > 0);
        apart
            && self.spans.iter().all(|span| span.length > 0)
            && self.counts.iter().all(|count| *count != 0.0)
    }
}

impl Histogram {
    /// Whether its bounds are listed rather than given by a schema.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// The upper bound of the positive bucket of this index.
    fn bound(&self, index: i32) -> f64 {
        if self.has_custom_buckets() {
            custom_bound(&self.custom_bounds, index)
        } else {
            exponential_bound(self.schema, index)
        }
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = (self.bound(index.saturating_sub(1)), self.bound(index));
        let has_lower = self.has_custom_buckets() && index == 0;
        Bucket { lower, upper, has_lower, has_upper: true, count }
    }

    fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = (-self.bound(index), -self.bound(index.saturating_sub(1)));
        Bucket { lower, upper, has_lower: true, has_upper: false, count }
    }

    /// The buckets above zero, lowest first.
    pub(crate) fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive.indexed().map(|(index, count)| self.positive_bucket(index, count))
    }

    /// The buckets below zero, the one nearest to zero first.
    pub(crate) fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.negative.indexed().map(|(index, count)| self.negative_bucket(index, count))
    }

    /// The zero bucket.
    pub(crate) fn zero_bucket(&self) -> Bucket {
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        Bucket { lower, upper, has_lower: true, has_upper: true, count: self.zero_count }
    }

    /// All buckets, lowest first; the zero bucket only where it holds something. Where a bucket overlaps with the
    /// zero bucket, it ends there.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let threshold = self.zero_threshold;
        let negative = self.negative_buckets().rev().map(move |mut bucket| {
            if bucket.upper < 0.0 {
                bucket.upper = bucket.upper.min(-threshold);
            }
            bucket
        });
        let positive = self.positive_buckets().map(move |mut bucket| {
            if bucket.lower > 0.0 {
                bucket.lower = bucket.lower.max(threshold);
            }
            bucket
        });
        negative.chain(zero).chain(positive)
    }

    /// Without empty buckets.
    pub(crate) fn compacted(mut self) -> Self {
        for side in [&mut self.positive, &mut self.negative] {
            if !side.is_compact() {
                *side = Buckets::compact(side.indexed());
            }
        }
        self
    }

    /// Whether the two hold the same, bit by bit; what is known of resets does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let same_side = |a: &Buckets, b: &Buckets| {
            a.counts.len() == b.counts.len()
                && a.indexed().zip(b.indexed()).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && same(self.zero_count, other.zero_count)
            && self.zero_threshold == other.zero_threshold
            && (!self.has_custom_buckets() || self.custom_bounds == other.custom_bounds)
            && same_side(&self.positive, &other.positive)
            && same_side(&self.negative, &other.negative)
    }

    /// Bytes that it takes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let side = |side: &Buckets| (side.spans.len() + side.counts.len()) * 8;
        size_of::<Self>() + side(&self.positive) + side(&self.negative)
    }
}

/// `{count:2, sum:3, (1,2]:2}`
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", number::general(self.count), number::general(self.sum))?;
        let zero = (self.zero_count != 0.0).then(|| self.zero_bucket());
        let all = self.negative_buckets().rev().chain(zero).chain(self.positive_buckets());
        for bucket in all.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

/// `(1,2]:3`
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.has_lower { '[' } else { '(' };
        let close = if self.has_upper { ']' } else { ')' };
        let [lower, upper, count] = [self.lower, self.upper, self.count].map(number::general);
        write!(f, "{open}{lower},{upper}{close}:{count}")
    }
}

/// The upper bound of a custom bucket; the first is bounded below by -Inf, the last above by +Inf.
fn custom_bound(bounds: &[f64], index: i32) -> f64 {
    match usize::try_from(index) {
        Ok(index) => bounds.get(index).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// The ratio of two neighbouring bounds of the schemas 1 to 8, `2^(2^-schema)`. The first is one in the last place off:
/// all who measure have it from Go's `math.Exp2`.
const RATIOS: [f64; 8] = [
    std::f64::consts::SQRT_2.next_down(),
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// The bounds of the finest schema from 1 up to 2. Observations are sorted into buckets by bounds that are multiplied
/// up, each from the nearest one that a coarser schema has, so that a bound is the same number in every schema; these
/// are the same to the last digit.
static FRACTIONS: LazyLock<[f64; 1 << SCHEMA_MAX]> = LazyLock::new(|| {
    let mut fractions = [1.0; 1 << SCHEMA_MAX];
    for at in 1..fractions.len() {
        let finer = at.trailing_zeros() as usize;
        fractions[at] = fractions[at - (1 << finer)] * RATIOS[RATIOS.len() - 1 - finer];
    }
    fractions
});

/// `base^index` with `base = 2^(2^-schema)`. The bucket below the one for infinite observations ends at the largest
/// number there is.
pub(crate) fn exponential_bound(schema: i8, index: i32) -> f64 {
    let (whole, fraction) = if schema > 0 {
        let within = index & ((1 << schema) - 1);
        (f64::from(index >> schema), FRACTIONS[(within << (SCHEMA_MAX - schema)) as usize])
    } else {
        (f64::from(index) * 2_f64.powi(-i32::from(schema)), 1.0)
    };
    if whole == 1024.0 && fraction == 1.0 {
        return f64::MAX;
    }
    if whole < -1022.0 {
        fraction * 2_f64.powi(-1022) * (whole + 1022.0).exp2()
    } else {
        fraction * whole.exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers_of_the_schemas_base() {
        assert_eq!(exponential_bound(0, 3), 8.0);
        assert_eq!(exponential_bound(1, 1), std::f64::consts::SQRT_2.next_down());
        assert_eq!(exponential_bound(-1, 2), 16.0);
        assert_eq!(exponential_bound(8, -256), 0.5);
        assert_eq!(exponential_bound(0, 1024), f64::MAX);
        assert_eq!(exponential_bound(-4, 64), f64::MAX);
        assert_eq!(exponential_bound(0, 1025), f64::INFINITY);
        assert_eq!(exponential_bound(0, -1074), 5e-324);
    }

    #[test]
    fn bounds_are_to_the_last_digit_those_by_which_prometheus_sorts() {
        // From its table of bounds between 0.5 and 1.
        for (schema, index, bound) in [
            (2, 3, 0.8408964152537144),
            (3, 7, 0.9170040432046711),
            (5, 31, 0.9785720620876999),
            (8, 1, 0.5013556375251013),
            (8, 255, 0.9972960560854698),
        ] {
            assert_eq!(exponential_bound(schema, index - (1 << schema)), bound, "{schema} {index}");
        }
    }

    #[test]
    fn a_bound_is_the_same_number_in_every_schema() {
        for schema in 1..=8 {
            for index in -3000..3000 {
                assert_eq!(exponential_bound(schema, 2 * index), exponential_bound(schema - 1, index));
            }
        }
    }

    #[test]
    fn empty_buckets_are_left_out() {
        let buckets = Buckets::compact([(-2, 1.0), (-1, 2.0), (0, 0.0), (3, 4.0)].into_iter());
        assert_eq!(
            buckets.spans,
            [BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 3, length: 1 }]
        );
        assert_eq!(buckets.indexed().collect::<Vec<_>>(), [(-2, 1.0), (-1, 2.0), (3, 4.0)]);
    }
}
