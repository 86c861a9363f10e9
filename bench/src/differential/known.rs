//! Where Prometheus 3.5 and Swan, which follows 3.14, rightly disagree.

use super::compare::ROUNDING;

/// A difference that is right: what its smallest expression and its description have in them, and why.
struct Known {
    expression: &'static str,
    description: &'static str,
    reason: &'static str,
}

const SUBNORMAL: &str = "Go's logarithm on amd64 takes the smallest subnormal for another number";
const CANCELLED: &str =
    "the last places of what is nearly cancelled: differences, deviations, angles near their end";

const KNOWN: &[Known] = &[
    Known {
        expression: "histogram_fraction(",
        description: "the peer has Float(NaN)",
        reason: "before 3.8 `histogram_fraction` of classic buckets is NaN where the lower bound is within the first",
    },
    Known {
        expression: " ^ ",
        description: ROUNDING,
        reason: "Go computes powers by repeated multiplication, whose error grows with the exponent",
    },
    Known { expression: "ln(odd", description: "-709.", reason: SUBNORMAL },
    Known { expression: "log10(odd", description: "-307.", reason: SUBNORMAL },
    Known { expression: "log2(odd", description: "-102", reason: SUBNORMAL },
    Known { expression: "stdvar", description: ROUNDING, reason: CANCELLED },
    Known { expression: "stddev", description: ROUNDING, reason: CANCELLED },
    Known { expression: "deriv", description: ROUNDING, reason: CANCELLED },
    Known { expression: "predict_linear", description: ROUNDING, reason: CANCELLED },
    Known { expression: "acos", description: ROUNDING, reason: CANCELLED },
    Known { expression: "asin", description: ROUNDING, reason: CANCELLED },
    Known { expression: "tan", description: ROUNDING, reason: CANCELLED },
    Known { expression: "sum", description: ROUNDING, reason: CANCELLED },
    Known { expression: "avg", description: ROUNDING, reason: CANCELLED },
    Known { expression: " % ", description: ROUNDING, reason: CANCELLED },
    Known { expression: " - ", description: ROUNDING, reason: CANCELLED },
];

/// Why a difference is right, where it is one of those.
pub(super) fn reason(expression: &str, description: &str) -> Option<&'static str> {
    let fits =
        |known: &&Known| expression.contains(known.expression) && description.contains(known.description);
    KNOWN.iter().find(fits).map(|known| known.reason)
}
