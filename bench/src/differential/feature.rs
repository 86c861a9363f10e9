//! What of PromQL there is to be covered: each function, aggregation and way of matching by its name.

/// A feature that an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// From a vector, value by value.
    Elementwise(&'static str),
    /// From unix times.
    Calendar(&'static str),
    /// From a window of any samples.
    OverTime(&'static str),
    /// From a window of a counter.
    Counter(&'static str),
    /// From native histograms.
    Native(&'static str),
    /// From a vector, by its labels.
    Labels(&'static str),
    /// All that has a shape of its own.
    Call(&'static str),
    /// An aggregation and its grouping.
    Aggregate(&'static str, Grouping),
    /// A binary operator and its matching.
    Operator(&'static str, Matching),
    /// Offset, `@`, subquery, unary minus.
    Modifier(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grouping {
    None,
    By,
    Without,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Matching {
    ScalarLeft,
    ScalarRight,
    Plain,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    /// With labels of the one side.
    GroupLeftLabels,
    /// A comparison that gives 0 and 1.
    Bool,
}

const ELEMENTWISE: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg",
    "exp",
    "floor",
    "ln",
    "log10",
    "log2",
    "rad",
    "sgn",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "round",
];
const CALENDAR: &[&str] =
    &["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];
const OVER_TIME: &[&str] = &[
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "idelta",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "absent_over_time",
    "mad_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "first_over_time",
    "ts_of_first_over_time",
];
const COUNTER: &[&str] = &["increase", "irate", "rate", "resets"];
const NATIVE: &[&str] = &[
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "histogram_rate",
    "histogram_sum_aggregate",
    "histogram_arithmetic",
    "histogram_over_time",
];
const LABELS: &[&str] =
    &["label_join", "label_replace", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc"];
const CALLS: &[&str] = &[
    "absent",
    "clamp",
    "clamp_max",
    "clamp_min",
    "double_exponential_smoothing",
    "predict_linear",
    "quantile_over_time",
    "info",
    "pi",
    "scalar",
    "time",
    "vector",
    "classic_quantile",
    "classic_fraction",
];
const AGGREGATIONS: &[&str] = &[
    "avg",
    "bottomk",
    "count",
    "count_values",
    "group",
    "limit_ratio",
    "limitk",
    "max",
    "min",
    "quantile",
    "stddev",
    "stdvar",
    "sum",
    "topk",
];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: &[&str] = &["==", "!=", ">", "<", ">=", "<="];
const SETS: &[&str] = &["and", "or", "unless"];
const MODIFIERS: &[&str] = &["offset", "negative_offset", "at", "at_start", "at_end", "subquery", "unary"];

/// All of them.
pub(super) fn all() -> Vec<Feature> {
    use Matching as M;
    let mut all: Vec<Feature> = Vec::new();
    all.extend(ELEMENTWISE.iter().map(|name| Feature::Elementwise(name)));
    all.extend(CALENDAR.iter().map(|name| Feature::Calendar(name)));
    all.extend(OVER_TIME.iter().map(|name| Feature::OverTime(name)));
    all.extend(COUNTER.iter().map(|name| Feature::Counter(name)));
    all.extend(NATIVE.iter().map(|name| Feature::Native(name)));
    all.extend(LABELS.iter().map(|name| Feature::Labels(name)));
    all.extend(CALLS.iter().map(|name| Feature::Call(name)));
    all.extend(MODIFIERS.iter().map(|name| Feature::Modifier(name)));
    for name in AGGREGATIONS {
        all.extend([Grouping::None, Grouping::By, Grouping::Without].map(|by| Feature::Aggregate(name, by)));
    }
    let vectors = [M::Plain, M::On, M::Ignoring, M::GroupLeft, M::GroupRight, M::GroupLeftLabels];
    let scalars = [M::ScalarLeft, M::ScalarRight];
    for name in ARITHMETIC {
        all.extend(vectors.iter().chain(&scalars).map(|matching| Feature::Operator(name, *matching)));
    }
    for name in COMPARISONS {
        let more = [M::Bool];
        all.extend(
            vectors.iter().chain(&scalars).chain(&more).map(|matching| Feature::Operator(name, *matching)),
        );
    }
    for name in SETS {
        all.extend([M::Plain, M::On, M::Ignoring].map(|matching| Feature::Operator(name, matching)));
    }
    all
}

impl Feature {
    /// The word by which a tally knows it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Elementwise(name)
            | Self::Calendar(name)
            | Self::OverTime(name)
            | Self::Counter(name)
            | Self::Native(name)
            | Self::Labels(name)
            | Self::Call(name)
            | Self::Modifier(name) => name.to_owned(),
            Self::Aggregate(name, grouping) => format!("{name} {grouping:?}"),
            Self::Operator(name, matching) => format!("{name} {matching:?}"),
        }
    }

    /// An expression that a server has to understand to take part in it.
    pub(super) fn probe(self) -> Option<String> {
        match self {
            Self::OverTime(name) => Some(format!("{name}(temperature[1m])")),
            Self::Labels(name @ ("sort_by_label" | "sort_by_label_desc")) => {
                Some(format!("{name}(temperature, \"job\")"))
            }
            Self::Call("info") => Some("info(temperature)".to_owned()),
            Self::Call("double_exponential_smoothing") => {
                Some("double_exponential_smoothing(temperature[1m], 0.5, 0.5)".to_owned())
            }
            Self::Aggregate("limit_ratio", _) => Some("limit_ratio(0.5, temperature)".to_owned()),
            Self::Aggregate("limitk", _) => Some("limitk(1, temperature)".to_owned()),
            _ => None,
        }
    }
}
