//! Prometheus remote write 1.0: one snappy block around one `prometheus.WriteRequest`.
//!
//! A [`Decoder`] owns the buffers and keeps them between requests; [`Decoder::decode`] fills them and lends a
//! [`Decoded`]. A body is read whole or not at all: half a protobuf is an error with its offset. A series that is no
//! series (a label twice, an empty name, no `__name__`, not UTF-8, too many or too long labels) is left out, named
//! and counted, and the rest is kept; the receiver answers 400 for it *after* storing the rest, because senders do
//! not send a 400 again.
//!
//! Labels need not arrive sorted; they are handed out sorted by name. A label with an empty value is absent.
//! Exemplars, metadata and native histograms are counted; the last are not supported yet.
//!
//! Format: prometheus.io, "Prometheus Remote-Write 1.0 specification"; protobuf.dev, "Encoding".

mod protobuf;

use std::fmt;
use std::ops::Range;

use kernel::limits::{BODY_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX};
use kernel::{Refuse, Timestamp};

use crate::limits::{WRITE_REFUSED_SHOWN_MAX, WRITE_SAMPLES_MAX, WRITE_SERIES_MAX};
use crate::{Format, Malformed};
use protobuf::{Fault, Fields, Value};

/// Decodes one request after the other in the same buffers.
#[derive(Default)]
pub struct Decoder {
    snappy: snap::raw::Decoder,
    body: Vec<u8>,
    decoded: Decoded,
}

/// What a request says.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Label names and values, with ASCII between them.
    text: String,
    /// The same of the series that is being read, before it is known to be UTF-8.
    unchecked: Vec<u8>,
    /// Why the series that is being read cannot be kept.
    unfit: Option<&'static str>,
    labels: Vec<LabelAt>,
    samples: Vec<Sample>,
    series: Vec<SeriesAt>,
    /// Series that were left out; the first [`WRITE_REFUSED_SHOWN_MAX`] are in `refused`.
    pub refused_count: u64,
    /// Why series were left out.
    pub refused: Vec<Malformed>,
    /// Samples of the series that were left out.
    pub samples_refused: u64,
    /// Native histograms, which are not supported yet.
    pub histograms: u64,
    /// Exemplars, which are not kept.
    pub exemplars: u64,
    /// Metadata entries, which are not kept.
    pub metadata: u64,
}

/// A value at a time. The value's bits are the sender's: a staleness marker stays one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: f64,
    /// When it was measured.
    pub at: Timestamp,
}

/// One series of a request.
#[derive(Clone, Copy)]
pub struct Series<'d> {
    decoded: &'d Decoded,
    place: SeriesAt,
}

#[derive(Debug, Clone, Copy)]
struct LabelAt {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
}

#[derive(Debug, Clone, Copy)]
struct SeriesAt {
    labels: (u32, u32),
    samples: (u32, u32),
}

/// Why a whole request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It says that it is larger than [`BODY_BYTES_MAX`] when decoded.
    TooLarge {
        /// How large it says it is.
        bytes: u64,
    },
    /// It has more series or samples than one request may have.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// It is not in the format.
    Malformed(Malformed),
}

impl Decoder {
    /// Decodes a request's body.
    pub fn decode(&mut self, body: &[u8]) -> Result<&Decoded, Refusal> {
        let length = self.decompress(body)?;
        self.decoded.clear();
        self.decoded.read(&self.body[..length])?;
        Ok(&self.decoded)
    }

    /// Leaves the decoded body at the beginning of the buffer; how long it is.
    fn decompress(&mut self, body: &[u8]) -> Result<usize, Refusal> {
        let refuse = |what: String| {
            let error = Malformed::new(Format::RemoteWrite, 0, b"", what);
            Refusal::Malformed(match body {
                [0xff, 0x06, 0x00, 0x00, b's', b'N', ..] => {
                    error.hint("send a snappy block, not the framed format")
                }
                [0x1f, 0x8b, ..] => error.hint("this is gzip; remote write compresses with snappy"),
                _ => error.hint("the body is one snappy block of a prometheus.WriteRequest"),
            })
        };
        let length = snap::raw::decompress_len(body)
            .map_err(|error| refuse(format!("not a snappy block: {error}")))?;
        if length > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { bytes: length as u64 });
        }
        if self.body.len() < length {
            self.body.resize(length, 0);
        }
        let written = self
            .snappy
            .decompress(body, &mut self.body)
            .map_err(|error| refuse(format!("not a snappy block: {error}")))?;
        Ok(written)
    }
}

impl Decoded {
    /// The series that were kept, in the order in which they arrived.
    pub fn series(&self) -> impl ExactSizeIterator<Item = Series<'_>> {
        self.series.iter().map(|place| Series { decoded: self, place: *place })
    }

    /// Samples of all series that were kept.
    pub fn samples_count(&self) -> usize {
        self.samples.len()
    }

    fn clear(&mut self) {
        self.text.clear();
        self.labels.clear();
        self.samples.clear();
        self.series.clear();
        self.refused.clear();
        self.refused_count = 0;
        self.samples_refused = 0;
        (self.histograms, self.exemplars, self.metadata) = (0, 0, 0);
    }

    fn read(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let mut fields = Fields::of(body);
        let explained = |fault: Fault| fault.explain(body);
        while let Some(field) = fields.next().map_err(explained)? {
            match (field.number, &field.value) {
                (1, Value::Bytes(range)) => self.read_series(body, range.clone())?,
                (3, Value::Bytes(_)) => self.metadata += 1,
                (1 | 3, _) => return Err(field.should_be("a message").explain(body).into()),
                (4 | 5, Value::Bytes(range)) => {
                    let what = "not supported yet: a request of remote write 2.0";
                    let error = Malformed::new(Format::RemoteWrite, range.start, b"", what)
                        .hint("let the sender use `protobuf_message: prometheus.WriteRequest`");
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_series(&mut self, body: &[u8], range: Range<usize>) -> Result<(), Refusal> {
        let start = range.start;
        let (labels, samples) = (self.labels.len(), self.samples.len());
        self.read_fields(body, range).map_err(|fault| fault.explain(body))?;
        if self.samples.len() > WRITE_SAMPLES_MAX {
            return Err(Refusal::TooMany { what: "samples", limit: WRITE_SAMPLES_MAX });
        }
        if let Err(why) = self.take_text(labels).and_then(|()| self.sort_labels(labels)) {
            self.refuse_series(start, why, labels);
            self.samples_refused += (self.samples.len() - samples) as u64;
            self.labels.truncate(labels);
            self.samples.truncate(samples);
            return Ok(());
        }
        if self.series.len() == WRITE_SERIES_MAX {
            return Err(Refusal::TooMany { what: "series", limit: WRITE_SERIES_MAX });
        }
        self.series.push(SeriesAt {
            labels: (index(labels), index(self.labels.len())),
            samples: (index(samples), index(self.samples.len())),
        });
        Ok(())
    }

    /// Reads one series' labels, still unchecked, and its samples.
    fn read_fields(&mut self, body: &[u8], range: Range<usize>) -> Result<(), Fault> {
        self.unfit = None;
        let labels = self.labels.len();
        let after = self.take_short_labels(body, range.clone());
        let mut fields = Fields::within(body, after..range.end);
        while let Some(field) = fields.next()? {
            match (field.number, &field.value) {
                (1, Value::Bytes(range)) => {
                    let (name, value) = read_label(body, range.clone())?;
                    if value.len() > LABEL_VALUE_BYTES_MAX || name.len() > LABEL_VALUE_BYTES_MAX {
                        self.unfit = Some("a label of more than 4096 bytes");
                    } else if self.labels.len() - labels == LABELS_MAX {
                        self.unfit = Some("more than 64 labels");
                    } else {
                        self.take_label(name, value);
                    }
                }
                (2, Value::Bytes(range)) => self.samples.push(read_sample(body, range.clone())?),
                (3, Value::Bytes(_)) => self.exemplars += 1,
                (4, Value::Bytes(_)) => self.histograms += 1,
                (1..=4, _) => return Err(field.should_be("a message")),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the labels at the beginning of a series that are encoded as every known sender encodes short ones: name
    /// and value in this order, each below 128 bytes. They are copied at once, with the tags and lengths between
    /// them, which are ASCII. Answers where the rest begins.
    fn take_short_labels(&mut self, body: &[u8], range: Range<usize>) -> usize {
        let base = index(self.text.len());
        let mut at = range.start;
        for _ in 0..LABELS_MAX {
            let [0x0a, length @ 0..0x80, 0x0a, name @ 0..0x80, rest @ ..] = &body[at..range.end] else {
                break;
            };
            let (length, name_length) = (usize::from(*length), usize::from(*name));
            let Some([0x12, value @ 0..0x80]) = rest.get(name_length..name_length + 2) else { break };
            let value_length = usize::from(*value);
            if length != name_length + value_length + 4 || rest.len() < length - 2 {
                break;
            }
            let name = base + index(at - range.start + 4);
            let name_end = name + index(name_length);
            let value = name_end + 2;
            self.labels.push(LabelAt { name, name_end, value, value_end: value + index(value_length) });
            at += 2 + length;
        }
        self.unchecked.clear();
        self.unchecked.extend_from_slice(&body[range.start..at]);
        at
    }

    fn take_label(&mut self, name: &[u8], value: &[u8]) {
        // An ASCII byte between all parts: where the whole is UTF-8, each part is.
        self.unchecked.push(b' ');
        let name_at = index(self.text.len() + self.unchecked.len());
        self.unchecked.extend_from_slice(name);
        self.unchecked.push(b' ');
        self.unchecked.extend_from_slice(value);
        self.unchecked.push(b' ');
        let name_end = name_at + index(name.len());
        let value_end = name_end + 1 + index(value.len());
        self.labels.push(LabelAt { name: name_at, name_end, value: name_end + 1, value_end });
    }

    /// Checks the text of the last series at once, and keeps it.
    fn take_text(&mut self, from: usize) -> Result<(), &'static str> {
        match std::str::from_utf8(&self.unchecked) {
            Ok(text) => {
                self.text.push_str(text);
                self.unfit.map_or(Ok(()), Err)
            }
            Err(_) => {
                // Nothing of it can be shown either.
                self.labels.truncate(from);
                Err("a label is not UTF-8")
            }
        }
    }

    /// Sorts the labels of the last series and drops the empty ones.
    fn sort_labels(&mut self, from: usize) -> Result<(), &'static str> {
        let Self { text, labels, .. } = self;
        // Bytes sort as the characters of UTF-8 do.
        let name = |label: &LabelAt| &text.as_bytes()[label.name as usize..label.name_end as usize];
        let own = &mut labels[from..];
        if !own.is_sorted_by(|a, b| is_before(name(a), name(b))) {
            own.sort_by(|a, b| name(a).cmp(name(b)));
            if own.windows(2).any(|pair| name(&pair[0]) == name(&pair[1])) {
                return Err("a label is given twice");
            }
        }
        if own.first().is_some_and(|label| label.name == label.name_end) {
            return Err("a label has an empty name");
        }
        if own.iter().any(|label| label.value == label.value_end) {
            let mut kept = from;
            for at in from..labels.len() {
                if labels[at].value != labels[at].value_end {
                    labels.swap(kept, at);
                    kept += 1;
                }
            }
            labels.truncate(kept);
        }
        let named = labels[from..].iter().any(|label| name(label) == b"__name__");
        if named { Ok(()) } else { Err("no `__name__`") }
    }

    #[cold]
    fn refuse_series(&mut self, offset: usize, why: &'static str, labels: usize) {
        self.refused_count += 1;
        if self.refused.len() < WRITE_REFUSED_SHOWN_MAX {
            let place = SeriesAt { labels: (index(labels), index(self.labels.len())), samples: (0, 0) };
            let shown = Series { decoded: self, place }.to_string();
            self.refused.push(Malformed::new(Format::RemoteWrite, offset, shown.as_bytes(), why));
        }
    }
}

/// `a < b`, without a call where the first bytes tell; on every label of every series.
#[inline]
fn is_before(a: &[u8], b: &[u8]) -> bool {
    match (a.first(), b.first()) {
        (Some(first), Some(other)) if first != other => first < other,
        _ => a < b,
    }
}

/// Offsets fit 32 bits: a body has at most [`BODY_BYTES_MAX`] bytes.
fn index(offset: usize) -> u32 {
    u32::try_from(offset).expect("a body is smaller than 4 GiB")
}

/// A label's name and value; either is empty where it is not there.
fn read_label(body: &[u8], range: Range<usize>) -> Result<(&[u8], &[u8]), Fault> {
    let (mut name, mut value) = (0..0, 0..0);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match (field.number, &field.value) {
            (1, Value::Bytes(range)) => name = range.clone(),
            (2, Value::Bytes(range)) => value = range.clone(),
            (1 | 2, _) => return Err(field.should_be("a string")),
            _ => {}
        }
    }
    Ok((&body[name], &body[value]))
}

fn read_sample(body: &[u8], range: Range<usize>) -> Result<Sample, Fault> {
    // How every known sender writes a sample: value first, then time, nothing else.
    if let [0x09, rest @ ..] = &body[range.clone()]
        && let Some((value, [0x10, time @ ..])) = rest.split_first_chunk::<8>()
        && let Some((ms, [])) = protobuf::varint(time)
    {
        let at = Timestamp::from_millis(ms.cast_signed());
        return Ok(Sample { value: f64::from_le_bytes(*value), at });
    }
    let mut sample = Sample { value: 0.0, at: Timestamp::from_millis(0) };
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match (field.number, &field.value) {
            (1, Value::Fixed64(bits)) => sample.value = f64::from_bits(*bits),
            (2, Value::Varint(ms)) => sample.at = Timestamp::from_millis(ms.cast_signed()),
            (1, _) => return Err(field.should_be("a double")),
            (2, _) => return Err(field.should_be("a varint")),
            _ => {}
        }
    }
    Ok(sample)
}

impl<'d> Series<'d> {
    /// Names and values, sorted by name, each name once, `__name__` among them, no empty value.
    pub fn labels(self) -> impl ExactSizeIterator<Item = (&'d str, &'d str)> + Clone {
        let Decoded { text, labels, .. } = self.decoded;
        let (from, to) = self.place.labels;
        labels[from as usize..to as usize].iter().map(move |label| {
            let LabelAt { name, name_end, value, value_end } = *label;
            (&text[name as usize..name_end as usize], &text[value as usize..value_end as usize])
        })
    }

    /// The samples in the order in which they arrived.
    pub fn samples(self) -> &'d [Sample] {
        let (from, to) = self.place.samples;
        &self.decoded.samples[from as usize..to as usize]
    }
}

impl fmt::Display for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.labels().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl From<Malformed> for Refusal {
    fn from(error: Malformed) -> Self {
        Refusal::Malformed(error)
    }
}

impl Refuse for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Refusal::TooLarge { .. } => "body_too_large",
            Refusal::TooMany { .. } => "too_many_in_one_request",
            Refusal::Malformed(error) => error.code(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Refusal::TooLarge { bytes } => {
                format!("the body is {bytes} bytes when decoded, more than {BODY_BYTES_MAX}")
            }
            Refusal::TooMany { what, limit } => format!("one request has more than {limit} {what}"),
            Refusal::Malformed(error) => error.sentence(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Refusal::TooLarge { .. } | Refusal::TooMany { .. } => {
                Some("lower `max_samples_per_send` in the sender's `queue_config`".to_owned())
            }
            Refusal::Malformed(error) => Refuse::hint(error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        match Refuse::hint(self) {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
