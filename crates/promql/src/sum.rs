//! Sums, means and variances that hold their precision, each value taken once.

/// A sum with the error of each addition kept beside it (Knuth 1969, Neumaier 1974).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    error: f64,
}

impl Sum {
    /// Of one value.
    pub(crate) fn of(value: f64) -> Self {
        Self { sum: value, error: 0.0 }
    }

    /// Adds another sum with what it keeps beside it.
    #[inline]
    pub(crate) fn add_sum(&mut self, other: Self) {
        self.add(other.sum);
        self.error += other.error;
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        // The error of the addition, without asking which of the two is larger. Once the sum is not finite, it stays
        // so, and the error does not count.
        let added = total - self.sum;
        self.error += (self.sum - (total - added)) + (value - added);
        self.sum = total;
    }

    #[inline]
    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.error }
    }

    pub(crate) fn scaled(self, by: f64) -> Self {
        Self { sum: self.sum * by, error: self.error * by }
    }

    pub(crate) fn divided(self, by: f64) -> Self {
        Self { sum: self.sum / by, error: if self.error == 0.0 { 0.0 } else { self.error / by } }
    }
}

/// A mean: the sum divided by the count while the sum is finite, from then on moved by each value's share,
/// so that values near the largest number have a mean.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    /// Of so many values whose sum is finite.
    pub(crate) fn of_sum(sum: Sum, count: usize) -> Self {
        Self { sum, count: count as f64, is_incremental: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut sum = self.sum;
            sum.add(value);
            if self.count == 1.0 || !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.is_incremental = true;
            self.sum = self.sum.scaled(1.0 / (self.count - 1.0));
        }
        self.sum = self.sum.scaled((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    /// Of the values of both, where neither sum is too large; not finite otherwise.
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        let is_incremental = self.is_incremental || other.is_incremental;
        self.sum.add_sum(other.sum);
        self.count += other.count;
        if is_incremental {
            self.sum = Sum::of(f64::NAN);
        }
    }

    /// As if the values of the other had been added one by one; `false` where they would have to be.
    pub(crate) fn join(&mut self, other: Self) -> bool {
        if self.count == 0.0 {
            *self = other;
            return true;
        }
        let is_plain = !self.is_incremental && !other.is_incremental;
        self.merge(other);
        is_plain && !self.sum.sum.is_infinite()
    }

    #[inline]
    pub(crate) fn mean(self) -> f64 {
        if self.is_incremental { self.sum.total() } else { self.sum.total() / self.count }
    }
}

/// The population variance (Welford 1962).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    /// Of the values of both (Chan, Golub and LeVeque 1979).
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other;
            return;
        }
        let (count, delta) = (self.count + other.count, other.mean - self.mean);
        self.mean += delta * (other.count / count);
        self.squares += other.squares + delta * delta * (self.count * other.count / count);
        self.count = count;
    }

    #[inline]
    pub(crate) fn variance(self) -> f64 {
        self.squares / self.count
    }
}

/// The value below which the part `q` of the values lies, between neighbours by linear interpolation. NaN counts
/// as smaller than any number. Sorts the values.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| b.is_nan().cmp(&a.is_nan()).then_with(|| a.total_cmp(b)));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor();
    let upper = (lower as usize + 1).min(values.len() - 1);
    let weight = rank - lower;
    values[lower as usize] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_a_large_value_would_swallow() {
        let mut sum = Sum::default();
        [1.0, 1e100, 1.0, -1e100].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn values_near_the_largest_number_have_a_mean() {
        let mut mean = Mean::default();
        [f64::MAX, f64::MAX, f64::MAX].into_iter().for_each(|value| mean.add(value));
        assert!((mean.mean() / f64::MAX - 1.0).abs() < 1e-12);
        let mut infinite = Mean::default();
        [1.0, f64::INFINITY, 2.0].into_iter().for_each(|value| infinite.add(value));
        assert_eq!(infinite.mean(), f64::INFINITY);
        infinite.add(f64::NEG_INFINITY);
        assert!(infinite.mean().is_nan());
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(0.5, &mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(quantile(1.0, &mut [4.0, f64::NAN]), 4.0);
        assert!(quantile(0.0, &mut [4.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.1, &mut [4.0]), f64::INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
