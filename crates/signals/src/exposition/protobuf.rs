//! Delimited `io.prometheus.client.MetricFamily` messages.
//!
//! A family's summaries and classic histograms come out as the same series as in the text formats; a histogram with
//! native buckets comes out as one [`NativeSample`].

use std::borrow::Cow;
use std::ops::Range;

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use super::{Entry, Exemplar, Histograms, Label, NativeSample, Sample, number};
use crate::histogram::{Buckets, Histogram, Span, wire};
use crate::protobuf::{Fault, Fields, unzigzag};
use crate::{Format, Kind, Malformed};

const MESSAGE: &str = "sequence of delimited io.prometheus.client.MetricFamily";

/// A fault of the encoding, or of what it says.
enum Wrong {
    Fault(Fault),
    Said(usize, &'static str),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Wrong::Fault(fault)
    }
}

/// Reads a whole body; how many samples it had.
pub(super) fn parse<'a>(
    body: &'a [u8],
    histograms: Histograms,
    mut entry: impl FnMut(Entry<'_, 'a>),
) -> Result<u64, Malformed> {
    let mut reader = Reader { body, histograms, entry: &mut entry, name: String::new(), samples: 0 };
    let mut messages = Fields::of(body);
    while !messages.is_at_end() {
        let read = messages.delimited().map_err(Wrong::Fault).and_then(|range| reader.family(range));
        read.map_err(|wrong| match wrong {
            Wrong::Fault(fault) => fault.explain(Format::MetricFamilies, MESSAGE, body),
            Wrong::Said(at, what) => Malformed::new(Format::MetricFamilies, at, b"", what),
        })?;
    }
    Ok(reader.samples)
}

struct Reader<'r, 'a, F> {
    body: &'a [u8],
    histograms: Histograms,
    entry: &'r mut F,
    /// The name of the sample at hand: that of the family, and what its type adds.
    name: String,
    samples: u64,
}

/// What a family says of all its metrics.
struct Family<'a> {
    name: &'a str,
    kind: Kind,
}

/// Labels and time of one metric of a family.
struct Metric<'a> {
    labels: Vec<Label<'a>>,
    timestamp_ms: Option<i64>,
}

#[derive(Default)]
struct Bucket<'a> {
    count: f64,
    bound: f64,
    exemplar: Option<Exemplar<'a>>,
}

/// A histogram with both of its faces.
#[derive(Default)]
struct Both<'a> {
    native: Histogram,
    buckets: Vec<Bucket<'a>>,
    exemplars: Vec<Exemplar<'a>>,
    is_native: bool,
}

impl<'a, F: FnMut(Entry<'_, 'a>)> Reader<'_, 'a, F> {
    fn text(&self, range: Range<usize>) -> Result<&'a str, Wrong> {
        let at = range.start;
        std::str::from_utf8(&self.body[range]).map_err(|_| Wrong::Said(at, "not UTF-8"))
    }

    fn family(&mut self, range: Range<usize>) -> Result<(), Wrong> {
        let at = range.start;
        let mut family = Family { name: "", kind: Kind::Counter };
        let (mut help, mut unit, mut metrics) = ("", "", Vec::new());
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => family.name = self.text(field.bytes("a string")?)?,
                2 => help = self.text(field.bytes("a string")?)?,
                3 => {
                    let number = field.varint()?;
                    family.kind =
                        kind_of(number).ok_or(Wrong::Said(field.at, "an unknown type of metric"))?;
                }
                4 => metrics.push(field.bytes("a message")?),
                5 => unit = self.text(field.bytes("a string")?)?,
                _ => {}
            }
        }
        if family.name.is_empty() {
            return Err(Wrong::Said(at, "a family without a name"));
        }
        let name = || Cow::Borrowed(family.name);
        (self.entry)(Entry::Type { name: name(), kind: family.kind });
        if !help.is_empty() {
            (self.entry)(Entry::Help { name: name(), text: Cow::Borrowed(help) });
        }
        if !unit.is_empty() {
            (self.entry)(Entry::Unit { name: name(), unit: Cow::Borrowed(unit) });
        }
        metrics.into_iter().try_for_each(|range| self.metric(&family, range))
    }

    fn metric(&mut self, family: &Family<'a>, range: Range<usize>) -> Result<(), Wrong> {
        let at = range.start;
        let mut metric = Metric { labels: Vec::new(), timestamp_ms: None };
        let mut value = None;
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => {
                    let label = self.label(field.bytes("a message")?)?;
                    put_label(&mut metric.labels, label).map_err(|what| Wrong::Said(field.at, what))?;
                }
                2..=5 | 7 => value = Some((field.number, field.bytes("a message")?)),
                6 => metric.timestamp_ms = Some(field.varint()?.cast_signed()).filter(|ms| *ms != 0),
                _ => {}
            }
        }
        let Some((number, range)) = value else { return Err(Wrong::Said(at, "a metric without a value")) };
        match number {
            4 => self.summary(family, metric, range),
            7 => self.histogram(family, metric, range),
            _ => {
                let (value, exemplar) = self.simple(range)?;
                self.hand_over(family.name, "", &metric, value, exemplar.as_ref());
                Ok(())
            }
        }
    }

    fn hand_over(
        &mut self,
        family: &str,
        suffix: &str,
        metric: &Metric<'a>,
        value: f64,
        exemplar: Option<&Exemplar<'a>>,
    ) {
        self.name.clear();
        self.name.push_str(family);
        self.name.push_str(suffix);
        self.samples += 1;
        let Metric { labels, timestamp_ms } = metric;
        let sample = Sample { name: &self.name, labels, value, timestamp_ms: *timestamp_ms, exemplar };
        (self.entry)(Entry::Sample(sample));
    }

    /// Counter, gauge or untyped: a value, and of a counter an exemplar.
    fn simple(&self, range: Range<usize>) -> Result<(f64, Option<Exemplar<'a>>), Wrong> {
        let (mut value, mut exemplar) = (0.0, None);
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => value = field.double()?,
                2 => exemplar = Some(self.exemplar(field.bytes("a message")?)?),
                _ => {}
            }
        }
        Ok((value, exemplar))
    }

    fn summary(
        &mut self,
        family: &Family<'a>,
        mut metric: Metric<'a>,
        range: Range<usize>,
    ) -> Result<(), Wrong> {
        let (mut count, mut sum, mut quantiles) = (0.0, 0.0, Vec::new());
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => count = field.varint()? as f64,
                2 => sum = field.double()?,
                3 => {
                    let (mut quantile, mut value) = (0.0, 0.0);
                    let mut fields = Fields::within(self.body, field.bytes("a message")?);
                    while let Some(field) = fields.next()? {
                        match field.number {
                            1 => quantile = field.double()?,
                            2 => value = field.double()?,
                            _ => {}
                        }
                    }
                    quantiles.push((quantile, value));
                }
                _ => {}
            }
        }
        self.hand_over(family.name, "_count", &metric, count, None);
        self.hand_over(family.name, "_sum", &metric, sum, None);
        for (quantile, value) in quantiles {
            metric.labels.push((Cow::Borrowed("quantile"), Cow::Owned(number::bound(quantile))));
            self.hand_over(family.name, "", &metric, value, None);
            metric.labels.pop();
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        family: &Family<'a>,
        metric: Metric<'a>,
        range: Range<usize>,
    ) -> Result<(), Wrong> {
        let at = range.start;
        let both = self.both(range)?;
        let native = both.is_native && self.histograms.native;
        if native {
            both.native.check().map_err(|what| Wrong::Said(at, what))?;
            self.samples += 1;
            let Metric { labels, timestamp_ms } = &metric;
            (self.entry)(Entry::Histogram(NativeSample {
                name: family.name,
                labels,
                histogram: &both.native,
                timestamp_ms: *timestamp_ms,
                exemplars: &both.exemplars,
            }));
        }
        // One that has native buckets only is not made into a classic histogram without any.
        if !native || (self.histograms.classic_too && !both.buckets.is_empty()) {
            self.classic(family, metric, both);
        }
        Ok(())
    }

    fn classic(&mut self, family: &Family<'a>, mut metric: Metric<'a>, both: Both<'a>) {
        let Both { native: Histogram { count, sum, .. }, mut buckets, .. } = both;
        if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
            buckets.push(Bucket { count, bound: f64::INFINITY, exemplar: None });
        }
        self.hand_over(family.name, "_count", &metric, count, None);
        self.hand_over(family.name, "_sum", &metric, sum, None);
        for bucket in buckets {
            metric.labels.push((Cow::Borrowed("le"), Cow::Owned(number::bound(bucket.bound))));
            self.hand_over(family.name, "_bucket", &metric, bucket.count, bucket.exemplar.as_ref());
            metric.labels.pop();
        }
    }

    fn both(&self, range: Range<usize>) -> Result<Both<'a>, Wrong> {
        let body = self.body;
        let mut both = Both::default();
        let native = &mut both.native;
        native.is_integer = true;
        let (mut deltas, mut is_native) = ([const { Vec::new() }; 2], false);
        let mut fields = Fields::within(body, range);
        while let Some(field) = fields.next()? {
            // Everything from the schema on belongs to native buckets.
            is_native |= matches!(field.number, 6 | 8..=14);
            match field.number {
                1 => native.count = field.varint()? as f64,
                2 => native.sum = field.double()?,
                3 => both.buckets.push(self.bucket(field.bytes("a message")?)?),
                4 => {
                    native.count = field.double()?;
                    native.is_integer = false;
                }
                5 => native.schema = wire::schema(unzigzag(field.varint()?)),
                6 => native.zero_threshold = field.double()?,
                7 => native.zero_count = field.varint()? as f64,
                8 => native.zero_count = field.double()?,
                9 => push_span(&mut native.negative, wire::span(body, field.bytes("a message")?)?),
                10 => field.varints(body, |delta| wire::keep(&mut deltas[0], unzigzag(delta)))?,
                11 => field.doubles(body, |count| wire::keep(&mut native.negative.counts, count))?,
                12 => push_span(&mut native.positive, wire::span(body, field.bytes("a message")?)?),
                13 => field.varints(body, |delta| wire::keep(&mut deltas[1], unzigzag(delta)))?,
                14 => field.doubles(body, |count| wire::keep(&mut native.positive.counts, count))?,
                16 => both.exemplars.push(self.exemplar(field.bytes("a message")?)?),
                _ => {}
            }
        }
        if native.is_integer {
            native.negative.counts = wire::absolute(&deltas[0]);
            native.positive.counts = wire::absolute(&deltas[1]);
        }
        both.is_native = is_native || native.zero_count > 0.0;
        Ok(both)
    }

    fn bucket(&self, range: Range<usize>) -> Result<Bucket<'a>, Wrong> {
        let mut bucket = Bucket::default();
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => bucket.count = field.varint()? as f64,
                2 => bucket.bound = field.double()?,
                3 => bucket.exemplar = Some(self.exemplar(field.bytes("a message")?)?),
                4 => bucket.count = field.double()?,
                _ => {}
            }
        }
        Ok(bucket)
    }

    fn label(&self, range: Range<usize>) -> Result<(&'a str, &'a str), Wrong> {
        let (mut name, mut value) = ("", "");
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => name = self.text(field.bytes("a string")?)?,
                2 => value = self.text(field.bytes("a string")?)?,
                _ => {}
            }
        }
        Ok((name, value))
    }

    fn exemplar(&self, range: Range<usize>) -> Result<Exemplar<'a>, Wrong> {
        let mut exemplar = Exemplar { labels: Vec::new(), value: 0.0, timestamp_ms: None };
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => {
                    let label = self.label(field.bytes("a message")?)?;
                    put_label(&mut exemplar.labels, label).map_err(|what| Wrong::Said(field.at, what))?;
                }
                2 => exemplar.value = field.double()?,
                3 => exemplar.timestamp_ms = Some(self.timestamp(field.bytes("a message")?)?),
                _ => {}
            }
        }
        Ok(exemplar)
    }

    /// `google.protobuf.Timestamp` in milliseconds.
    fn timestamp(&self, range: Range<usize>) -> Result<i64, Wrong> {
        let (mut seconds, mut nanos) = (0_i64, 0_i64);
        let mut fields = Fields::within(self.body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => seconds = field.varint()?.cast_signed(),
                2 => nanos = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
    }
}

fn push_span(side: &mut Buckets, span: Span) {
    wire::keep(&mut side.spans, span);
}

fn put_label<'a>(labels: &mut Vec<Label<'a>>, (name, value): (&'a str, &'a str)) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a label has an empty name");
    }
    if labels.iter().any(|(earlier, _)| earlier == name) || name == "__name__" {
        return Err("a label is given twice");
    }
    if value.len() > SERIES_LABEL_VALUE_BYTES_MAX || name.len() > SERIES_LABEL_VALUE_BYTES_MAX {
        return Err("a label of more than 65536 bytes");
    }
    // One more is added for the bound of a bucket.
    if labels.len() + 1 == SERIES_LABELS_MAX {
        return Err("more than 255 labels");
    }
    if !value.is_empty() {
        labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    }
    Ok(())
}

fn kind_of(number: u64) -> Option<Kind> {
    match number {
        0 => Some(Kind::Counter),
        1 => Some(Kind::Gauge),
        2 => Some(Kind::Summary),
        3 => Some(Kind::Unknown),
        4 => Some(Kind::Histogram),
        5 => Some(Kind::GaugeHistogram),
        _ => None,
    }
}
