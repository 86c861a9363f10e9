//! The functions of the samples of one series in a range.

/// A function of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Last,
    First,
    Present,
    Quantile,
    Stddev,
    Stdvar,
    Mad,
    Changes,
    Resets,
    Deriv,
    PredictLinear,
    DoubleExponentialSmoothing,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

/// Sorted by name.
const NAMED: [(&str, RangeFunction); 26] = [
    ("avg_over_time", RangeFunction::Avg),
    ("changes", RangeFunction::Changes),
    ("count_over_time", RangeFunction::Count),
    ("delta", RangeFunction::Delta),
    ("deriv", RangeFunction::Deriv),
    ("double_exponential_smoothing", RangeFunction::DoubleExponentialSmoothing),
    ("first_over_time", RangeFunction::First),
    ("idelta", RangeFunction::Idelta),
    ("increase", RangeFunction::Increase),
    ("irate", RangeFunction::Irate),
    ("last_over_time", RangeFunction::Last),
    ("mad_over_time", RangeFunction::Mad),
    ("max_over_time", RangeFunction::Max),
    ("min_over_time", RangeFunction::Min),
    ("predict_linear", RangeFunction::PredictLinear),
    ("present_over_time", RangeFunction::Present),
    ("quantile_over_time", RangeFunction::Quantile),
    ("rate", RangeFunction::Rate),
    ("resets", RangeFunction::Resets),
    ("stddev_over_time", RangeFunction::Stddev),
    ("stdvar_over_time", RangeFunction::Stdvar),
    ("sum_over_time", RangeFunction::Sum),
    ("ts_of_first_over_time", RangeFunction::TimeOfFirst),
    ("ts_of_last_over_time", RangeFunction::TimeOfLast),
    ("ts_of_max_over_time", RangeFunction::TimeOfMax),
    ("ts_of_min_over_time", RangeFunction::TimeOfMin),
];

impl RangeFunction {
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Whether the result is a sample of the series itself.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, RangeFunction::Last | RangeFunction::First)
    }

    /// Whether it takes its samples for those of a counter.
    pub(crate) fn is_of_counter(self) -> bool {
        matches!(self, RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Irate)
    }

    /// Whether the times at which counters began mean something to it.
    pub(crate) fn takes_starts(self) -> bool {
        self.is_of_counter() || self == RangeFunction::Resets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_by_name() {
        assert!(NAMED.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(RangeFunction::named("rate"), Some(RangeFunction::Rate));
        assert_eq!(RangeFunction::named("abs"), None);
    }
}
