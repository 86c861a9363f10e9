//! `prometheus.Histogram` and `io.prometheus.write.v2.Histogram`, which differ in nothing but the last field.

use std::ops::Range;

use super::{Buckets, Histogram, Reset, Span};
use crate::limits::HISTOGRAM_BUCKETS_MAX;
use crate::protobuf::{Fault, Fields, unzigzag};

/// A histogram as it stands in a request, with its times.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Stamped {
    pub(crate) histogram: Histogram,
    pub(crate) at_ms: i64,
    pub(crate) start_ms: i64,
}

/// One side on the wire: integers come as differences, floats as they are.
#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Side {
    fn into_buckets(self, is_integer: bool) -> Buckets {
        let Self { spans, deltas, counts } = self;
        if !is_integer {
            return Buckets { spans, counts };
        }
        Buckets { spans, counts: absolute(&deltas) }
    }
}

/// Counts from the differences between them.
pub(crate) fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    // A sum that overflows is no count; it comes out below zero or makes the buckets not add up.
    let absolute = deltas.iter().map(|delta| {
        count = count.wrapping_add(*delta);
        count as f64
    });
    absolute.collect()
}

/// Reads the message in `range`; what it says is not checked yet.
pub(crate) fn read(body: &[u8], range: Range<usize>) -> Result<Stamped, Fault> {
    let mut read = Stamped::default();
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let histogram = &mut read.histogram;
    histogram.is_integer = true;
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => histogram.count = field.varint()? as f64,
            2 => {
                histogram.count = field.double()?;
                histogram.is_integer = false;
            }
            3 => histogram.sum = field.double()?,
            4 => histogram.schema = schema(unzigzag(field.varint()?)),
            5 => histogram.zero_threshold = field.double()?,
            6 => histogram.zero_count = field.varint()? as f64,
            7 => histogram.zero_count = field.double()?,
            8 => keep(&mut negative.spans, span(body, field.bytes("a message")?)?),
            9 => field.varints(body, |delta| keep(&mut negative.deltas, unzigzag(delta)))?,
            10 => field.doubles(body, |count| keep(&mut negative.counts, count))?,
            11 => keep(&mut positive.spans, span(body, field.bytes("a message")?)?),
            12 => field.varints(body, |delta| keep(&mut positive.deltas, unzigzag(delta)))?,
            13 => field.doubles(body, |count| keep(&mut positive.counts, count))?,
            14 => histogram.reset = reset(field.varint()?),
            15 => read.at_ms = field.varint()?.cast_signed(),
            16 => field.doubles(body, |bound| keep(&mut histogram.custom_bounds, bound))?,
            17 => read.start_ms = field.varint()?.cast_signed(),
            _ => {}
        }
    }
    histogram.positive = positive.into_buckets(histogram.is_integer);
    histogram.negative = negative.into_buckets(histogram.is_integer);
    // Finer than what is kept, and defined: senders may have them.
    if (9..=52).contains(&histogram.schema) && histogram.is_sound_inside() {
        histogram.reduce_to(*super::EXPONENTIAL.end());
    }
    Ok(read)
}

/// One more than the limit is enough for the check to say no, however many follow.
pub(crate) fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() <= HISTOGRAM_BUCKETS_MAX {
        list.push(item);
    }
}

/// A schema that does not fit is none.
pub(crate) fn schema(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MIN)
}

fn reset(number: u64) -> Reset {
    match number {
        1 => Reset::Yes,
        2 => Reset::No,
        3 => Reset::Gauge,
        _ => Reset::Unknown,
    }
}

/// `BucketSpan`, the same in all formats.
pub(crate) fn span(body: &[u8], range: Range<usize>) -> Result<Span, Fault> {
    let mut span = Span { offset: 0, length: 0 };
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => span.offset = i32::try_from(unzigzag(field.varint()?)).unwrap_or(i32::MIN),
            2 => span.length = u32::try_from(field.varint()?).unwrap_or(u32::MAX),
            _ => {}
        }
    }
    Ok(span)
}
