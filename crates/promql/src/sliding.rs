//! Sums, means and variances of windows that overlap, in constant time per value.
//!
//! Nothing is ever subtracted, so a large value leaves no trace once it has left the window: a window is kept as the
//! sums of all ends of its older part, and the sum of its newer part (the queue of two stacks).

use crate::sum::{Mean, Sum, Variance};

/// What can be made of values, and of what was made of two lists of values that follow each other.
pub(crate) trait Fold: Copy + Default {
    fn add(&mut self, value: f64);
    fn merge(&mut self, other: Self);
    fn result(self) -> f64;

    fn of(values: &[f64]) -> Self {
        let mut fold = Self::default();
        values.iter().for_each(|value| fold.add(*value));
        fold
    }
}

impl Fold for Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        Sum::add(self, value);
    }
    #[inline]
    fn merge(&mut self, other: Self) {
        self.add_sum(other);
    }
    fn result(self) -> f64 {
        self.total()
    }
}

impl Fold for Mean {
    #[inline]
    fn add(&mut self, value: f64) {
        Mean::add(self, value);
    }
    #[inline]
    fn merge(&mut self, other: Self) {
        Mean::merge(self, other);
    }
    fn of(values: &[f64]) -> Self {
        let sum = <Sum as Fold>::of(values);
        if sum.total().is_finite() {
            return Mean::of_sum(sum, values.len());
        }
        let mut mean = Self::default();
        values.iter().for_each(|value| mean.add(*value));
        mean
    }
    fn result(self) -> f64 {
        self.mean()
    }
}

impl Fold for Variance {
    #[inline]
    fn add(&mut self, value: f64) {
        Variance::add(self, value);
    }
    #[inline]
    fn merge(&mut self, other: Self) {
        Variance::merge(self, other);
    }
    fn result(self) -> f64 {
        self.variance()
    }
}

/// The window as it slides.
pub(crate) struct Shared<F> {
    /// What is made of the values from each position of the older part to its end; the last entry is of the oldest.
    older: Vec<F>,
    /// Where the older part ends.
    middle: usize,
    newer: F,
    /// Where the newer part ends.
    seen: usize,
}

impl<F: Fold> Default for Shared<F> {
    fn default() -> Self {
        Self { older: Vec::new(), middle: 0, newer: F::default(), seen: 0 }
    }
}

impl<F: Fold> Shared<F> {
    /// What is made of `values[from..upto]`; neither position ever moves back.
    pub(crate) fn slide(&mut self, values: &[f64], from: usize, upto: usize) -> F {
        if from >= self.middle {
            // The older part has left: all that is there becomes the older part.
            self.older.clear();
            let mut fold = F::default();
            for value in values[from..upto].iter().rev() {
                let mut with = F::default();
                with.add(*value);
                with.merge(fold);
                fold = with;
                self.older.push(fold);
            }
            (self.middle, self.seen, self.newer) = (upto, upto, F::default());
            return fold;
        }
        for value in &values[self.seen..upto] {
            self.newer.add(*value);
        }
        self.seen = upto;
        self.older.truncate(self.middle - from);
        let mut fold = self.older.last().copied().unwrap_or_default();
        fold.merge(self.newer);
        fold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_slides_is_what_it_holds() {
        let values: Vec<f64> = (0..200).map(|i| f64::from((i * 37) % 101) * 1e10 + 0.25).collect();
        for (width, stride) in [(1, 1), (7, 1), (50, 3), (50, 60)] {
            let (mut sums, mut means) = (Shared::<Sum>::default(), Shared::<Mean>::default());
            let mut variances = Shared::<Variance>::default();
            for from in (0..values.len() - width).step_by(stride) {
                let window = &values[from..from + width];
                let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
                near(sums.slide(&values, from, from + width).result(), <Sum as Fold>::of(window).result());
                near(means.slide(&values, from, from + width).result(), <Mean as Fold>::of(window).result());
                let variance = <Variance as Fold>::of(window).result();
                near(variances.slide(&values, from, from + width).result(), variance);
            }
        }
    }
}
