//! `prometheus.WriteRequest`: every series brings its labels as strings.

use std::ops::Range;

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use crate::Format;
use crate::Kind;
use crate::protobuf::{Fault, Fields, Value};

use super::batch::{Batch, Metadata};
use super::labels::{self, NOT_UTF8, TOO_LONG, TOO_MANY, Unfit};
use super::message::{keep_exemplar, read_histogram, read_sample, refuse_parts};
use super::repeated::{self, Repeated};
use super::{Refusal, Version};

/// Lists that are used again for every series.
#[derive(Default)]
struct Scratch {
    labels: Repeated,
    exemplars: Vec<Range<usize>>,
    refused: Vec<(usize, &'static str)>,
}

/// What was read of a series' fields.
struct Fit {
    unfit: Option<Unfit>,
    /// The labels have the names of those of the series before, which were in order, and values.
    are_alike: bool,
}

pub(super) fn read<'a>(body: &'a [u8], batch: &mut Batch<'a>) -> Result<(), Refusal> {
    let explained = |fault: Fault| fault.explain(Format::RemoteWrite, Version::V1.message(), body);
    let mut scratch = Scratch::default();
    let mut fields = Fields::of(body);
    while let Some(field) = fields.next().map_err(explained)? {
        match (field.number, &field.value) {
            (1, Value::Bytes(range)) => read_series(body, range.clone(), batch, &mut scratch)?,
            (3, Value::Bytes(range)) => {
                read_metadata(body, range.clone(), batch).map_err(explained)?;
                batch.check_limits()?;
            }
            (1 | 3, _) => return Err(explained(field.should_be("a message")).into()),
            (4 | 5, Value::Bytes(range)) => {
                let what = "this is a message of remote write 2.0, sent as one of 1.0";
                let error = crate::Malformed::new(Format::RemoteWrite, range.start, b"", what)
                    .hint("say `Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request`");
                return Err(error.into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_series<'a>(
    body: &'a [u8],
    range: Range<usize>,
    batch: &mut Batch<'a>,
    scratch: &mut Scratch,
) -> Result<(), Refusal> {
    let (start, mark) = (range.start, batch.mark());
    let explained = |fault: Fault| fault.explain(Format::RemoteWrite, Version::V1.message(), body);
    let Fit { unfit, are_alike } = read_fields(body, range, batch, scratch).map_err(explained)?;
    batch.check_limits()?;
    let (count, mut is_as_it_came) = (batch.labels.len() - mark.labels, are_alike);
    if !are_alike {
        is_as_it_came = labels::are_in_order(&batch.labels[mark.labels..]);
        let fits = unfit.map_or(Ok(()), Err).and_then(|()| labels::sort(&mut batch.labels, mark.labels));
        if let Err(why) = fits.and_then(|()| labels::have_name(&batch.labels[mark.labels..])) {
            scratch.labels.forget();
            batch.leave_out(mark, start, why);
            return Ok(());
        }
    }
    if is_as_it_came && count == scratch.labels.count() {
        scratch.labels.learn(mark.labels);
    } else {
        scratch.labels.forget();
    }
    let labels_end = batch.labels.len();
    if !scratch.exemplars.is_empty() {
        read_exemplars(body, batch, scratch).map_err(explained)?;
    }
    batch.keep_series(mark, labels_end)?;
    if !scratch.refused.is_empty() {
        refuse_parts(batch, mark, labels_end, &scratch.refused);
    }
    Ok(())
}

/// Reads one series' labels, not yet sorted, its samples and its histograms; where its exemplars are is noted.
fn read_fields<'a>(
    body: &'a [u8],
    range: Range<usize>,
    batch: &mut Batch<'a>,
    scratch: &mut Scratch,
) -> Result<Fit, Fault> {
    scratch.exemplars.clear();
    scratch.refused.clear();
    let from = batch.labels.len();
    let repeated::Taken { after, mut unfit, mut are_alike } = scratch.labels.take(body, range.clone(), batch);
    let mut fields = Fields::within(body, after..range.end);
    while let Some(field) = fields.next()? {
        match (field.number, &field.value) {
            (1, Value::Bytes(range)) => {
                are_alike = false;
                match read_label(body, range.clone())? {
                    Ok(_) if batch.labels.len() - from == SERIES_LABELS_MAX => {
                        unfit = unfit.or(Some(TOO_MANY))
                    }
                    Ok(label) => batch.labels.push(label),
                    Err(why) => unfit = unfit.or(Some(why)),
                }
            }
            (2, Value::Bytes(range)) => read_sample(body, range.clone(), batch)?,
            (3, Value::Bytes(range)) => scratch.exemplars.push(range.clone()),
            (4, Value::Bytes(range)) => scratch.refused.extend(read_histogram(body, range.clone(), batch)?),
            (1..=4, _) => return Err(field.should_be("a message")),
            _ => {}
        }
    }
    Ok(Fit { unfit, are_alike })
}

/// A label's name and value; either is empty where it is not there.
fn read_label(body: &[u8], range: Range<usize>) -> Result<Result<(&str, &str), Unfit>, Fault> {
    let (mut name, mut value) = (0..0, 0..0);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => name = field.bytes("a string")?,
            2 => value = field.bytes("a string")?,
            _ => {}
        }
    }
    if name.len() > SERIES_LABEL_VALUE_BYTES_MAX || value.len() > SERIES_LABEL_VALUE_BYTES_MAX {
        return Ok(Err(TOO_LONG));
    }
    let both =
        std::str::from_utf8(&body[name]).and_then(|name| Ok((name, std::str::from_utf8(&body[value])?)));
    Ok(both.map_err(|_| NOT_UTF8))
}

fn read_exemplars<'a>(body: &'a [u8], batch: &mut Batch<'a>, scratch: &mut Scratch) -> Result<(), Fault> {
    for range in scratch.exemplars.drain(..) {
        let (offset, from) = (range.start, batch.labels.len());
        let (mut value, mut at_ms, mut unfit) = (0.0, 0, None);
        let mut fields = Fields::within(body, range);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => match read_label(body, field.bytes("a message")?)? {
                    Ok(_) if batch.labels.len() - from == SERIES_LABELS_MAX => unfit = Some(TOO_MANY),
                    Ok(label) => batch.labels.push(label),
                    Err(why) => unfit = Some(why),
                },
                2 => value = field.double()?,
                3 => at_ms = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        let kept = match unfit {
            None => keep_exemplar(batch, from, value, at_ms),
            Some(why) => {
                batch.labels.truncate(from);
                Err(why)
            }
        };
        scratch.refused.extend(kept.err().map(|why| (offset, why)));
    }
    Ok(())
}

fn read_metadata<'a>(body: &'a [u8], range: Range<usize>, batch: &mut Batch<'a>) -> Result<(), Fault> {
    let (offset, mut kind) = (range.start, Kind::Unknown);
    let (mut metric, mut help, mut unit) = (0..0, 0..0, 0..0);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => kind = Kind::of_remote_write(field.varint()?),
            2 => metric = field.bytes("a string")?,
            4 => help = field.bytes("a string")?,
            5 => unit = field.bytes("a string")?,
            _ => {}
        }
    }
    let text = |range: Range<usize>| std::str::from_utf8(&body[range]);
    match (text(metric), text(help), text(unit)) {
        (Ok(metric), Ok(help), Ok(unit)) if !metric.is_empty() => {
            batch.metadata.push(Metadata { metric, kind, help, unit });
        }
        _ => batch.refuse(offset, 0..0, "metadata that is not UTF-8, or of no metric"),
    }
    Ok(())
}
