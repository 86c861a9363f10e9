//! What both versions have in common: samples and histograms as they stand in a series.

use std::ops::Range;

use crate::histogram::wire;
use crate::limits::EXEMPLAR_CHARS_MAX;
use crate::protobuf::{self, Fault, Fields};

use super::batch::{Batch, ExemplarAt, Mark, Stamped, index};
use super::labels;

/// A sample with its start; 1.0 has no field 3.
pub(super) fn read_sample(body: &[u8], range: Range<usize>, batch: &mut Batch<'_>) -> Result<(), Fault> {
    // How every known sender writes a sample: value first, then time, nothing else.
    if let [0x09, rest @ ..] = &body[range.clone()]
        && let Some((value, [0x10, time @ ..])) = rest.split_first_chunk::<8>()
        && let Some((ms, [])) = protobuf::varint(time)
    {
        batch.samples.push((ms.cast_signed(), f64::from_le_bytes(*value)));
        return Ok(());
    }
    let (mut at, mut value, mut start) = (0, 0.0, 0);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => value = field.double()?,
            2 => at = field.varint()?.cast_signed(),
            // Only 2.0 has it, so that in a message of 1.0 it may be anything.
            3 => start = field.varint().map_or(0, u64::cast_signed),
            _ => {}
        }
    }
    if start != 0 {
        batch.starts.push((index(batch.samples.len()), start));
    }
    batch.samples.push((at, value));
    Ok(())
}

/// Reads a histogram; one that is none comes back as the reason, with its place.
pub(super) fn read_histogram(
    body: &[u8],
    range: Range<usize>,
    batch: &mut Batch<'_>,
) -> Result<Option<(usize, &'static str)>, Fault> {
    let offset = range.start;
    let wire::Stamped { histogram, at_ms, start_ms } = wire::read(body, range)?;
    if let Err(why) = histogram.check() {
        return Ok(Some((offset, why)));
    }
    batch.buckets += histogram.buckets();
    batch.histograms.push(Stamped { at_ms, start_ms, histogram });
    Ok(None)
}

/// Keeps an exemplar whose labels stand from `from` on, or says why not.
pub(super) fn keep_exemplar(
    batch: &mut Batch<'_>,
    from: usize,
    value: f64,
    at_ms: i64,
) -> Result<(), &'static str> {
    let sorted = labels::sort(&mut batch.labels, from);
    let chars = batch.labels[from..].iter().map(|(name, value)| name.chars().count() + value.chars().count());
    let fits = if chars.sum::<usize>() > EXEMPLAR_CHARS_MAX {
        Err("an exemplar with more than 128 characters of labels")
    } else {
        sorted
    };
    if fits.is_err() {
        batch.labels.truncate(from);
        return fits;
    }
    batch.exemplars.push(ExemplarAt { labels: index(from)..index(batch.labels.len()), value, at_ms });
    Ok(())
}

/// Counts what could not be kept of a series whose labels are known by now.
pub(super) fn refuse_parts(
    batch: &mut Batch<'_>,
    mark: Mark,
    labels_end: usize,
    parts: &[(usize, &'static str)],
) {
    for (offset, why) in parts {
        batch.refuse(*offset, mark.labels..labels_end, why);
    }
}
