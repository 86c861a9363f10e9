//! Prometheus remote write, 1.0 and 2.0: one snappy block around one protobuf message.
//!
//! A [`Decoder`] owns the buffers and keeps them between requests; [`Decoder::decode`] fills them and lends a
//! [`Batch`] whose labels are slices of the decoded body. A body is read whole or not at all: half a protobuf is an
//! error with its offset. A series that is no series (a label twice, an empty name, no `__name__`, not UTF-8, too many
//! or too long labels, a reference past the table) is left out, named and counted, and the rest is kept; so is a
//! histogram or an exemplar that is none. The receiver answers 400 for it *after* storing the rest, because senders do
//! not send a 400 again.
//!
//! Labels need not arrive sorted; they are handed out sorted by name. A label with an empty value is absent.
//!
//! Format: prometheus.io, "Prometheus Remote-Write 1.0 specification" and "2.0 specification".

mod batch;
mod labels;
mod message;
mod refusal;
mod repeated;
mod v1;
mod v2;

use kernel::limits::BODY_BYTES_MAX;

use crate::limits::WRITE_BUFFER_BYTES_KEPT;
use crate::{Format, Malformed};

pub use batch::{Batch, Exemplar, Metadata, Sample, Series, Stamped};
pub use refusal::Refusal;

/// Which message a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

impl Version {
    /// What a `Content-Type` names; the older one where there is none, as senders before 2.0 have it. `None` for
    /// anything that is neither: a receiver answers 415.
    pub fn of_content_type(value: Option<&str>) -> Option<Self> {
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else { return Some(Version::V1) };
        let mut parts = value.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        let mut version = Version::V1;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            if name.trim().eq_ignore_ascii_case("proto") {
                version = match value.trim().trim_matches('"') {
                    "prometheus.WriteRequest" => Version::V1,
                    "io.prometheus.write.v2.Request" => Version::V2,
                    _ => return None,
                };
            }
        }
        Some(version)
    }

    /// The message's full name.
    pub fn message(self) -> &'static str {
        match self {
            Version::V1 => "prometheus.WriteRequest",
            Version::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

/// Decodes one request after the other in the same buffers.
#[derive(Default)]
pub struct Decoder {
    snappy: snap::raw::Decoder,
    body: Vec<u8>,
    batch: Batch<'static>,
}

impl Decoder {
    /// Decodes a request's body, and lends what it says.
    ///
    /// # Errors
    /// When nothing of the body can be used.
    pub fn decode<T>(
        &mut self,
        body: &[u8],
        version: Version,
        take: impl FnOnce(&Batch<'_>) -> T,
    ) -> Result<T, Refusal> {
        let length = self.decompress(body)?;
        let decoded = &self.body[..length];
        let mut batch = std::mem::take(&mut self.batch).emptied();
        let read = match version {
            Version::V1 => v1::read(decoded, &mut batch),
            Version::V2 => v2::read(decoded, &mut batch),
        };
        let taken = read.map(|()| take(&batch));
        self.batch = batch.emptied();
        if self.body.len() > WRITE_BUFFER_BYTES_KEPT {
            self.body = Vec::new();
        }
        taken
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
                _ => error.hint("the body is one snappy block of a protobuf message"),
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

#[cfg(test)]
mod tests;
