//! What folding aggregations remember of the numbers of one group at one step.

use crate::sum::{Mean, Sum, Variance};

/// What a group remembers of one step's numbers.
pub(crate) trait Fold: Copy + Default + Send {
    fn add(&mut self, value: f64);
    /// With the values of another that follow; `false` where they have to be added one by one.
    fn join(&mut self, other: Self) -> bool;
    fn result(self) -> f64;
}

/// Nothing of a step, or something.
#[derive(Clone, Copy)]
pub(crate) struct Folded<F> {
    pub(crate) fold: F,
    pub(crate) is_present: bool,
}

impl<F: Default> Default for Folded<F> {
    fn default() -> Self {
        Self { fold: F::default(), is_present: false }
    }
}

impl Fold for Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        Sum::add(self, value);
    }
    fn join(&mut self, other: Self) -> bool {
        self.add_sum(other);
        true
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
    fn join(&mut self, other: Self) -> bool {
        Mean::join(self, other)
    }
    fn result(self) -> f64 {
        self.mean()
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Stdvar(Variance);
#[derive(Clone, Copy, Default)]
pub(crate) struct Stddev(Variance);
#[derive(Clone, Copy, Default)]
pub(crate) struct Count(f64);
#[derive(Clone, Copy, Default)]
pub(crate) struct Presence;
#[derive(Clone, Copy)]
pub(crate) struct Min(f64);
#[derive(Clone, Copy)]
pub(crate) struct Max(f64);

impl Default for Min {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Default for Max {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Fold for Stdvar {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn join(&mut self, other: Self) -> bool {
        self.0.merge(other.0);
        true
    }
    fn result(self) -> f64 {
        self.0.variance()
    }
}

impl Fold for Stddev {
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn join(&mut self, other: Self) -> bool {
        self.0.merge(other.0);
        true
    }
    fn result(self) -> f64 {
        self.0.variance().sqrt()
    }
}

impl Fold for Count {
    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1.0;
    }
    fn join(&mut self, other: Self) -> bool {
        self.0 += other.0;
        true
    }
    fn result(self) -> f64 {
        self.0
    }
}

impl Fold for Presence {
    fn add(&mut self, _: f64) {}
    fn join(&mut self, other: Self) -> bool {
        let Self = other;
        true
    }
    fn result(self) -> f64 {
        1.0
    }
}

// NaN only where all values are.
impl Fold for Min {
    #[inline]
    fn add(&mut self, value: f64) {
        if value < self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn join(&mut self, other: Self) -> bool {
        self.add(other.0);
        true
    }
    fn result(self) -> f64 {
        self.0
    }
}

impl Fold for Max {
    #[inline]
    fn add(&mut self, value: f64) {
        if value > self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn join(&mut self, other: Self) -> bool {
        self.add(other.0);
        true
    }
    fn result(self) -> f64 {
        self.0
    }
}
