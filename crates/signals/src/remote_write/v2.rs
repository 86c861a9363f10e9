//! `io.prometheus.write.v2.Request`: a table of strings, to which labels, exemplars and metadata refer.
//!
//! The table may stand anywhere in the body, so it is read in a pass of its own.

use std::ops::Range;

use kernel::limits::{SERIES_LABEL_VALUE_BYTES_MAX, SERIES_LABELS_MAX};

use crate::limits::{WRITE_EXTRAS_MAX, WRITE_SYMBOLS_MAX};
use crate::protobuf::{Fault, Field, Fields, Value};
use crate::{Format, Kind, Malformed};

use super::batch::{Batch, Metadata};
use super::labels::{self, NOT_UTF8, TOO_LONG, TOO_MANY, Unfit};
use super::message::{keep_exemplar, read_histogram, read_sample, refuse_parts};
use super::{Refusal, Version};

/// Strings of the table; `None` for one that is not UTF-8.
type Symbols<'a> = Vec<Option<&'a str>>;

const PAST_THE_TABLE: Unfit = "a label refers past the table of symbols";

/// Lists that are used again for every series.
#[derive(Default)]
struct Scratch {
    exemplars: Vec<Range<usize>>,
    metadata: Option<Range<usize>>,
    refused: Vec<(usize, &'static str)>,
}

pub(super) fn read<'a>(body: &'a [u8], batch: &mut Batch<'a>) -> Result<(), Refusal> {
    let explained = |fault: Fault| fault.explain(Format::RemoteWrite, Version::V2.message(), body);
    let symbols = read_symbols(body)?;
    let mut scratch = Scratch::default();
    let mut fields = Fields::of(body);
    while let Some(field) = fields.next().map_err(explained)? {
        if field.number == 5 {
            let range = field.bytes("a message").map_err(explained)?;
            read_series(body, range, &symbols, batch, &mut scratch)?;
        }
    }
    Ok(())
}

fn read_symbols(body: &[u8]) -> Result<Symbols<'_>, Refusal> {
    let explained = |fault: Fault| fault.explain(Format::RemoteWrite, Version::V2.message(), body);
    let mut symbols = Symbols::new();
    let mut fields = Fields::of(body);
    while let Some(field) = fields.next().map_err(explained)? {
        match (field.number, &field.value) {
            (4, Value::Bytes(range)) => {
                if symbols.len() == WRITE_SYMBOLS_MAX {
                    return Err(Refusal::TooMany { what: "symbols", limit: WRITE_SYMBOLS_MAX });
                }
                symbols.push(std::str::from_utf8(&body[range.clone()]).ok());
            }
            (4, _) => return Err(explained(field.should_be("a string")).into()),
            (1 | 3, Value::Bytes(range)) => {
                let what = "this is a message of remote write 1.0, sent as one of 2.0";
                let error = Malformed::new(Format::RemoteWrite, range.start, b"", what)
                    .hint("say `Content-Type: application/x-protobuf;proto=prometheus.WriteRequest`");
                return Err(error.into());
            }
            _ => {}
        }
    }
    match symbols.first() {
        None | Some(Some("")) => Ok(symbols),
        Some(first) => {
            let shown = first.unwrap_or_default();
            let what = "the first symbol is not the empty string";
            Err(Malformed::new(Format::RemoteWrite, 0, shown.as_bytes(), what).into())
        }
    }
}

fn read_series<'a>(
    body: &'a [u8],
    range: Range<usize>,
    symbols: &Symbols<'a>,
    batch: &mut Batch<'a>,
    scratch: &mut Scratch,
) -> Result<(), Refusal> {
    let (start, mark) = (range.start, batch.mark());
    let explained = |fault: Fault| fault.explain(Format::RemoteWrite, Version::V2.message(), body);
    let fits = read_fields(body, range, symbols, batch, scratch).map_err(explained)?;
    batch.check_limits()?;
    let fits = fits.and_then(|()| labels::sort(&mut batch.labels, mark.labels));
    let fits = fits.and_then(|()| labels::have_name(&batch.labels[mark.labels..]));
    let now = batch.mark();
    let is_empty = now.has_as_many_values_as(mark) && scratch.refused.is_empty();
    let fits = if is_empty { fits.and(Err("a series without samples and histograms")) } else { fits };
    if let Err(why) = fits {
        batch.leave_out(mark, start, why);
        return Ok(());
    }
    let labels_end = batch.labels.len();
    let exemplars = std::mem::take(&mut scratch.exemplars);
    for range in &exemplars {
        let refused = read_exemplar(body, range.clone(), symbols, batch).map_err(explained)?;
        scratch.refused.extend(refused);
    }
    scratch.exemplars = exemplars;
    if let Some(range) = scratch.metadata.take() {
        read_metadata(body, range, symbols, batch, mark.labels..labels_end).map_err(explained)?;
    }
    batch.keep_series(mark, labels_end)?;
    refuse_parts(batch, mark, labels_end, &scratch.refused);
    Ok(())
}

/// Reads one series' labels, not yet sorted, its samples and its histograms; where the rest is, is noted.
fn read_fields<'a>(
    body: &'a [u8],
    range: Range<usize>,
    symbols: &Symbols<'a>,
    batch: &mut Batch<'a>,
    scratch: &mut Scratch,
) -> Result<Result<(), Unfit>, Fault> {
    scratch.exemplars.clear();
    scratch.refused.clear();
    scratch.metadata = None;
    let from = batch.labels.len();
    let mut references = References::new(from);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match (field.number, &field.value) {
            (1, _) => references.read(body, &field, symbols, batch)?,
            (2, Value::Bytes(range)) => read_sample(body, range.clone(), batch)?,
            (3, Value::Bytes(range)) => scratch.refused.extend(read_histogram(body, range.clone(), batch)?),
            (4, Value::Bytes(range)) => scratch.exemplars.push(range.clone()),
            (5, Value::Bytes(range)) => scratch.metadata = Some(range.clone()),
            (2..=5, _) => return Err(field.should_be("a message")),
            _ => {}
        }
    }
    Ok(references.finish())
}

/// References that become labels, two by two.
struct References<'a> {
    from: usize,
    name: Option<&'a str>,
    fits: Result<(), Unfit>,
}

impl<'a> References<'a> {
    fn new(from: usize) -> Self {
        Self { from, name: None, fits: Ok(()) }
    }

    fn read(
        &mut self,
        body: &[u8],
        field: &Field,
        symbols: &Symbols<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<(), Fault> {
        field.varints(body, |reference| {
            if self.fits.is_ok() {
                self.fits = self.take(reference, symbols, batch);
            }
        })
    }

    fn take(&mut self, reference: u64, symbols: &Symbols<'a>, batch: &mut Batch<'a>) -> Result<(), Unfit> {
        let found = usize::try_from(reference).ok().and_then(|place| symbols.get(place));
        let text = found.ok_or(PAST_THE_TABLE)?.ok_or(NOT_UTF8)?;
        if text.len() > SERIES_LABEL_VALUE_BYTES_MAX {
            return Err(TOO_LONG);
        }
        match self.name.take() {
            None => self.name = Some(text),
            Some(_) if batch.labels.len() - self.from == SERIES_LABELS_MAX => return Err(TOO_MANY),
            Some(name) => batch.labels.push((name, text)),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Unfit> {
        self.fits?;
        if self.name.is_some() { Err("an odd number of references to labels") } else { Ok(()) }
    }
}

/// Reads an exemplar; one that is none comes back as the reason, with its place.
fn read_exemplar<'a>(
    body: &'a [u8],
    range: Range<usize>,
    symbols: &Symbols<'a>,
    batch: &mut Batch<'a>,
) -> Result<Option<(usize, Unfit)>, Fault> {
    let (offset, from) = (range.start, batch.labels.len());
    let (mut value, mut at_ms, mut references) = (0.0, 0, References::new(from));
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => references.read(body, &field, symbols, batch)?,
            2 => value = field.double()?,
            3 => at_ms = field.varint()?.cast_signed(),
            _ => {}
        }
    }
    let kept = references.finish().and_then(|()| keep_exemplar(batch, from, value, at_ms));
    if kept.is_err() {
        batch.labels.truncate(from);
    }
    Ok(kept.err().map(|why| (offset, why)))
}

/// Each series may carry what its metric means; what is said again is not kept again.
fn read_metadata<'a>(
    body: &'a [u8],
    range: Range<usize>,
    symbols: &Symbols<'a>,
    batch: &mut Batch<'a>,
    labels: Range<usize>,
) -> Result<(), Fault> {
    let (offset, mut kind, mut help, mut unit) = (range.start, Kind::Unknown, 0, 0);
    let mut fields = Fields::within(body, range);
    while let Some(field) = fields.next()? {
        match field.number {
            1 => kind = Kind::of_remote_write(field.varint()?),
            3 => help = field.varint()?,
            4 => unit = field.varint()?,
            _ => {}
        }
    }
    let text = |reference: u64| match usize::try_from(reference).ok().and_then(|place| symbols.get(place)) {
        Some(Some(text)) => Some(*text),
        _ if reference == 0 => Some(""),
        _ => None,
    };
    let named = batch.labels[labels.clone()].iter().find(|(name, _)| *name == "__name__");
    let (Some((_, series)), Some(help), Some(unit)) = (named, text(help), text(unit)) else {
        batch.refuse(offset, labels, "metadata refers past the table of symbols");
        return Ok(());
    };
    let said = Metadata { metric: kind.family(series), kind, help, unit };
    let says_nothing = kind == Kind::Unknown && help.is_empty() && unit.is_empty();
    if !says_nothing && batch.metadata.last() != Some(&said) && batch.metadata.len() < WRITE_EXTRAS_MAX {
        batch.metadata.push(said);
    }
    Ok(())
}
