//! Functions of one value.

use crate::Histogram;
use crate::sum::Sum;

/// The function of a number by its name in PromQL.
pub(crate) fn named(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => sign,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => inverse_cosh,
        "atanh" => f64::atanh,
        "rad" => f64::to_radians,
        "deg" => f64::to_degrees,
        _ => return None,
    })
}

/// The function of a native histogram by its name in PromQL.
pub(crate) fn of_histogram(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => |histogram| histogram.count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_stdvar" => variance,
        "histogram_stddev" => |histogram| variance(histogram).sqrt(),
        _ => return None,
    })
}

/// Near one, the logarithm of what is added to one: the standard library's takes one more and loses half of the digits.
fn inverse_cosh(value: f64) -> f64 {
    if !(1.0..2.0).contains(&value) {
        return value.acosh();
    }
    let above = value - 1.0;
    (above + (2.0 * above + above * above).sqrt()).ln_1p()
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// NaN where either is, unless the other is as large as can be.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// NaN where either is, unless the other is as small as can be.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// Of observations that are taken to lie in the middle of their bucket: its geometric mean, or its arithmetic mean
/// with custom buckets; zero in the zero bucket.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut squares = Sum::default();
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let value = if histogram.has_custom_buckets() {
            f64::midpoint(bucket.lower, bucket.upper)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.lower * bucket.upper).sqrt().copysign(bucket.upper)
        };
        let delta = value - mean;
        squares.add(bucket.count * delta * delta);
    }
    squares.total() / histogram.count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_cosh_is_exact_near_one() {
        // The series of it there: sqrt(2x) (1 - x/12), for one and x.
        for above in [f64::EPSILON, 1e-12, 1e-9] {
            let above = (1.0 + above) - 1.0;
            let exact = (2.0 * above).sqrt() * (1.0 - above / 12.0);
            assert!((inverse_cosh(1.0 + above) / exact - 1.0).abs() < 1e-15, "{above}");
        }
        assert_eq!(inverse_cosh(1.0), 0.0);
        assert!((inverse_cosh(1.999_999_999) - inverse_cosh(2.0)).abs() < 1e-9);
        assert!(inverse_cosh(0.999).is_nan() && inverse_cosh(-3.0).is_nan());
        assert_eq!(inverse_cosh(f64::INFINITY), f64::INFINITY);
    }
}
