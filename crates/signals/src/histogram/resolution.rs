//! Coarser buckets where a histogram has too many, or finer ones than are kept.

use super::{Buckets, CUSTOM_BUCKETS, EXPONENTIAL, Histogram, Span};

impl Histogram {
    /// Merges buckets until there are at most `limit`; false where the coarsest schema still has more, or the buckets
    /// are custom ones, which cannot be merged.
    pub fn limit_buckets(&mut self, limit: usize) -> bool {
        while self.buckets() > limit {
            if self.schema == CUSTOM_BUCKETS || self.schema <= *EXPONENTIAL.start() {
                return false;
            }
            self.reduce_to(self.schema - 1);
        }
        true
    }

    /// Merges buckets until the schema is at most this one. Custom buckets stay as they are.
    pub fn reduce_to(&mut self, schema: i32) {
        if self.schema <= schema || self.schema == CUSTOM_BUCKETS {
            return;
        }
        // Schemas above the known ones are at most 52 on the wire; a shift of 31 leaves one bucket for each sign.
        let shift = (self.schema - schema).min(31).cast_unsigned();
        for side in [&mut self.positive, &mut self.negative] {
            *side = merged(side, shift);
        }
        self.schema = schema;
    }
}

/// Bucket `i` of schema `n` lies in bucket `ceil(i / 2^shift)` of schema `n - shift`.
fn merged(fine: &Buckets, shift: u32) -> Buckets {
    let mut coarse = Buckets::default();
    let (mut next, mut last): (i64, Option<i64>) = (0, None);
    let mut counts = fine.counts.iter();
    for span in &fine.spans {
        next += i64::from(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            let place = ((next - 1) >> shift) + 1;
            next += 1;
            match (last, coarse.counts.last_mut()) {
                (Some(last), Some(into)) if last == place => *into += count,
                _ => put(&mut coarse, last, place, *count),
            }
            last = Some(place);
        }
    }
    coarse
}

fn put(coarse: &mut Buckets, last: Option<i64>, place: i64, count: f64) {
    coarse.counts.push(count);
    match (last, coarse.spans.last_mut()) {
        (Some(last), Some(span)) if last + 1 == place => span.length += 1,
        _ => {
            let offset = last.map_or(place, |last| place - last - 1);
            let offset = i32::try_from(offset).expect("a coarser bucket is nearer to 0 than a finer one");
            coarse.spans.push(Span { offset, length: 1 });
        }
    }
}
