//! Remote write 1.0 bodies (prometheus.io/docs/specs/prw/remote_write_spec), written field by field.

/// A native histogram, as `prompb.Histogram` has it; counts as integers, buckets as spans and deltas.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// -53 for custom buckets.
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: u64,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
    pub(crate) hint: ResetHint,
    /// Upper bounds of custom buckets.
    pub(crate) custom: Vec<f64>,
}

/// Counts of consecutive buckets, the first of which has the index `offset`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets {
    pub(crate) offset: i32,
    pub(crate) counts: Vec<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum ResetHint {
    #[default]
    Unknown = 0,
    Gauge = 3,
}

/// What a sample holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Float(f64),
    Histogram(Box<Histogram>),
}

/// A body while it is written. Labels have to come sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// A series: its labels as [`labels`] writes them, and its samples in order of time.
    pub(crate) fn series(&mut self, labels: &[u8], samples: &[(i64, Value)]) {
        let mut series = labels.to_vec();
        for (at_ms, value) in samples {
            match value {
                Value::Float(value) => float(&mut series, *at_ms, *value),
                Value::Histogram(value) => field(&mut series, 4, &histogram(*at_ms, value)),
            }
        }
        field(&mut self.0, 1, &series);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Compressed, as it is sent.
    pub(crate) fn compressed(&self) -> Result<Vec<u8>, snap::Error> {
        snap::raw::Encoder::new().compress_vec(&self.0)
    }
}

/// Labels as the start of a series.
pub(crate) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut all = Vec::with_capacity(256);
    for (name, value) in pairs {
        let mut pair = Vec::with_capacity(64);
        field(&mut pair, 1, name.as_bytes());
        field(&mut pair, 2, value.as_bytes());
        field(&mut all, 1, &pair);
    }
    all
}

fn float(into: &mut Vec<u8>, at_ms: i64, value: f64) {
    let mut sample = Vec::with_capacity(24);
    double(&mut sample, 1, value);
    number(&mut sample, 2, at_ms.cast_unsigned());
    field(into, 2, &sample);
}

fn histogram(at_ms: i64, value: &Histogram) -> Vec<u8> {
    let mut all = Vec::with_capacity(128);
    number(&mut all, 1, value.count);
    double(&mut all, 3, value.sum);
    number(&mut all, 4, zigzag(i64::from(value.schema)));
    double(&mut all, 5, value.zero_threshold);
    number(&mut all, 6, value.zero_count);
    buckets(&mut all, 8, &value.negative);
    buckets(&mut all, 11, &value.positive);
    number(&mut all, 14, value.hint as u64);
    number(&mut all, 15, at_ms.cast_unsigned());
    if !value.custom.is_empty() {
        let bounds: Vec<u8> = value.custom.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        field(&mut all, 16, &bounds);
    }
    all
}

/// The spans stand at `first`, the deltas at the number after it.
fn buckets(into: &mut Vec<u8>, first: u64, value: &Buckets) {
    if value.counts.is_empty() {
        return;
    }
    let mut span = Vec::new();
    number(&mut span, 1, zigzag(i64::from(value.offset)));
    number(&mut span, 2, value.counts.len() as u64);
    field(into, first, &span);
    let (mut deltas, mut before) = (Vec::new(), 0);
    for &count in &value.counts {
        varint(&mut deltas, zigzag(count.cast_signed() - before));
        before = count.cast_signed();
    }
    field(into, first + 1, &deltas);
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn number(into: &mut Vec<u8>, place: u64, value: u64) {
    varint(into, place << 3);
    varint(into, value);
}

fn double(into: &mut Vec<u8>, place: u64, value: f64) {
    varint(into, place << 3 | 1);
    into.extend_from_slice(&value.to_le_bytes());
}

fn field(into: &mut Vec<u8>, place: u64, bytes: &[u8]) {
    varint(into, place << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}
