//! Where Prometheus 3.5 and Swan, which follows 3.14, rightly disagree.
//!
//! Each difference has its name, the version or the change that it comes from, and a check: all that differs has to
//! differ in this way and in no other.

use super::compare::{Allowed, is_all_nan, is_nan_of_peer, is_nan_of_swan, is_rounding, is_scaled_down};

/// A difference that is right.
struct Known {
    /// What the smallest expression that differs has in it; after `^`, what it begins with.
    expression: &'static str,
    check: Check,
    reason: &'static str,
}

/// How it is seen that a difference is this one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Every value that differs does so in this way.
    Values(Allowed),
    /// The peer contradicts itself: instants of its range, asked one by one, are what Swan has.
    Instants,
    /// The peer contradicts itself: as a part of another expression it is what Swan has, but for the rates that Swan
    /// does not carry on to below zero.
    Within,
}

const CANCELLED: &str = "the last places of what is nearly cancelled: differences, deviations, logarithms near one, angles near their end";
const NOTHING_BUT_NAN: &str =
    "a histogram by NaN: which of its empty buckets are still there depends on when they are left out";
const BELOW_ZERO: &str = "before 3.6 (#16828) rates of native histograms are carried on to before the time at which they were zero";
const BUCKETS: &str = "before 3.7 (#17127) an outermost `histogram_count`, `_sum` or `_avg` looks for resets of gauges in \
                       buckets, too, as it does not elsewhere";

const KNOWN: &[Known] = &[
    Known {
        expression: "^histogram_fraction(",
        check: Check::Values(is_nan_of_peer),
        reason: "before 3.8 `histogram_fraction` of classic buckets is NaN where the lower bound is within the first",
    },
    Known {
        expression: "^info(",
        check: Check::Instants,
        reason: "before 3.7 (#17135, #17199) `info` mixes up series of a range that are not there at each step",
    },
    Known {
        expression: "^mad_over_time(",
        check: Check::Values(is_nan_of_swan),
        reason: "before 3.14 (#19040) `mad_over_time` does not give NaN where there is one among the samples",
    },
    Known { expression: "^rate(", check: Check::Values(is_scaled_down), reason: BELOW_ZERO },
    Known { expression: "^increase(", check: Check::Values(is_scaled_down), reason: BELOW_ZERO },
    Known { expression: "^histogram_count(", check: Check::Within, reason: BUCKETS },
    Known { expression: "^histogram_sum(", check: Check::Within, reason: BUCKETS },
    Known { expression: "^histogram_avg(", check: Check::Within, reason: BUCKETS },
    Known {
        expression: " ^ ",
        check: Check::Values(is_rounding),
        reason: "Go computes powers by repeated multiplication, whose error grows with the exponent",
    },
    Known { expression: " / ", check: Check::Values(is_all_nan), reason: NOTHING_BUT_NAN },
    Known { expression: "stdvar", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "stddev", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "delta(", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "deriv", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "predict_linear", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "ln(", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "log2(", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "log10(", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "acos", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "asin", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "sum", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: "avg", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: " % ", check: Check::Values(is_rounding), reason: CANCELLED },
    Known { expression: " - ", check: Check::Values(is_rounding), reason: CANCELLED },
];

/// What may explain that an expression differs: how that is seen, and the reason.
pub(super) fn candidates(expression: &str) -> impl Iterator<Item = (Check, &'static str)> + '_ {
    let fits = |known: &&Known| match known.expression.strip_prefix('^') {
        Some(first) => expression.starts_with(first),
        None => expression.contains(known.expression),
    };
    KNOWN.iter().filter(fits).map(|known| (known.check, known.reason))
}
