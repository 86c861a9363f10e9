//! Steps from decimal to decimal, all as wide as the widest of them needs, so that they are read from either end and
//! several at once.

/// Bytes that this step takes.
#[inline]
pub(super) const fn width_of(step: i64) -> u8 {
    if step == step as i8 as i64 {
        1
    } else if step == step as i16 as i64 {
        2
    } else if step == step as i32 as i64 {
        4
    } else {
        8
    }
}

/// Appends a step that fits.
#[inline]
pub(super) fn push(stream: &mut Vec<u8>, width: u8, step: i64) {
    match width {
        1 => stream.push(step as u8),
        2 => stream.extend_from_slice(&(step as i16).to_le_bytes()),
        4 => stream.extend_from_slice(&(step as i32).to_le_bytes()),
        _ => stream.extend_from_slice(&step.to_le_bytes()),
    }
}

/// Takes the steps at the end of the stream off.
pub(super) fn take(stream: &mut Vec<u8>, width: u8, steps: &mut [i64]) {
    let from = stream.len() - usize::from(width) * steps.len();
    each_back(&stream[from..], width, steps.iter_mut().rev(), |slot, step| *slot = step);
    stream.truncate(from);
}

/// The decimals that the last of these steps lead to, of which `last` is the last one.
#[inline]
pub(super) fn decimals(steps: &[u8], width: u8, last: i64, decimals: &mut [i64]) {
    let mut decimal = last;
    each_back(steps, width, decimals.iter_mut().rev(), |slot, step| {
        *slot = decimal;
        decimal = decimal.wrapping_sub(step);
    });
}

/// Hands each slot its step, the last one first.
#[inline]
fn each_back<'s>(
    steps: &[u8],
    width: u8,
    slots: impl Iterator<Item = &'s mut i64>,
    mut each: impl FnMut(&mut i64, i64),
) {
    match width {
        1 => slots.zip(steps.iter().rev()).for_each(|(slot, step)| each(slot, i64::from(*step as i8))),
        2 => slots
            .zip(steps.as_rchunks().1.iter().rev())
            .for_each(|(slot, step)| each(slot, i64::from(i16::from_le_bytes(*step)))),
        4 => slots
            .zip(steps.as_rchunks().1.iter().rev())
            .for_each(|(slot, step)| each(slot, i64::from(i32::from_le_bytes(*step)))),
        _ => slots
            .zip(steps.as_rchunks().1.iter().rev())
            .for_each(|(slot, step)| each(slot, i64::from_le_bytes(*step))),
    }
}
