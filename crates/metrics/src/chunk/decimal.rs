//! Floating-point values as integers, without loss.

/// Powers of ten by scale.
pub(super) const SCALES: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// The largest integer that is tried; past it the rounding below is not exact.
const DECIMAL_MAX: f64 = 2_251_799_813_685_248.0; // 2^51
/// Adding and subtracting 1.5 × 2^52 rounds a smaller number to an integer in two additions.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// How many representable values beside a decimal a value may lie.
const NEAR: i64 = 511;

/// The integer that, divided by the scale's power of ten, comes closest to the value, and how many representable
/// values the value lies beside that. `None` where it is not near.
#[inline]
pub(super) fn near(value: f64, scale: u8) -> Option<(i64, i64)> {
    let scaled = value * SCALES[usize::from(scale)];
    // Not `>`: a NaN is no decimal either.
    let in_range = scaled.abs() < DECIMAL_MAX;
    if !in_range {
        return None;
    }
    let integer = ((scaled + ROUNDING) - ROUNDING) as i64;
    let beside = value.to_bits().wrapping_sub(value_of(integer, scale).to_bits()).cast_signed();
    (-NEAR..=NEAR).contains(&beside).then_some((integer, beside))
}

/// As [`near`], for a value that is exactly the decimal.
#[inline]
pub(super) fn exact(value: f64, scale: u8) -> Option<i64> {
    near(value, scale).and_then(|(integer, beside)| (beside == 0).then_some(integer))
}

/// What an integer stands for.
#[inline]
pub(super) fn value_of(integer: i64, scale: u8) -> f64 {
    if scale == 0 { integer as f64 } else { integer as f64 / SCALES[usize::from(scale)] }
}

/// What integers that [`near`] gave stand for, each in its place.
#[inline]
pub(super) fn values_of(integers: &[i64], scale: u8, values: &mut [f64]) {
    // Added to the bits of the rounding number, they are its sum with it: processors do that for several at once.
    let whole =
        |integer: i64| f64::from_bits(ROUNDING.to_bits().wrapping_add(integer.cast_unsigned())) - ROUNDING;
    let places = values.iter_mut().zip(integers);
    if scale == 0 {
        places.for_each(|(value, integer)| *value = whole(*integer));
    } else {
        let power = SCALES[usize::from(scale)];
        places.for_each(|(value, integer)| *value = whole(*integer) / power);
    }
}

/// What an integer stands for, so many representable values beside it.
#[inline]
pub(super) fn value_beside(integer: i64, scale: u8, beside: i64) -> f64 {
    f64::from_bits(value_of(integer, scale).to_bits().wrapping_add(beside.cast_unsigned()))
}

/// The coarsest scale after `after` at which the value is exactly a decimal, or else near one.
pub(super) fn finer(value: f64, after: u8) -> Option<u8> {
    if !value.is_finite() {
        return None;
    }
    let scales = || after + 1..SCALES.len() as u8;
    scales()
        .find(|scale| exact(value, *scale).is_some())
        .or_else(|| (after..SCALES.len() as u8).find(|scale| near(value, *scale).is_some()))
}

/// Bits of a value as an integer in the order of the values.
#[inline]
pub(super) const fn ordered(bits: u64) -> i64 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The bits that [`ordered`] made an integer of.
#[inline]
pub(super) const fn unordered(number: i64) -> u64 {
    (number ^ ((number >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned()
}
