//! Reading the log back.
//!
//! A record that is not whole and sound ends its segment. In the last segment that is what a crash leaves: the end
//! is torn, is cut off and reported. It is damage instead, and a fault that names file and offset, where the bytes
//! were durable once: in an earlier segment, or before a mark of the same segment that says so.

use std::path::Path;

use super::records::{Audience, tell};
use super::segment::{self, HEADER_BYTES};
use crate::fault::OpenFault;
use crate::wire;

/// Tells the audience what a segment says, and gives the length of its sound part.
pub(crate) fn replay(
    segment: &[u8],
    number: u64,
    path: &Path,
    is_last: bool,
    audience: &mut dyn Audience,
) -> Result<usize, OpenFault> {
    let corrupt = |offset: usize, what: &'static str| OpenFault::Corrupt {
        path: path.to_owned(),
        offset: offset as u64,
        what,
    };
    if !segment.starts_with(&segment::header(number)) {
        // Zeros are what a machine leaves that stopped after the file grew and before it was filled.
        let torn =
            segment.iter().zip(segment::header(number)).all(|(byte, whole)| *byte == 0 || *byte == whole)
                && !segment::was_synced(segment, 0);
        return if is_last && (torn || segment.len() < HEADER_BYTES) {
            Ok(0)
        } else {
            Err(corrupt(0, "the header is not that of this segment"))
        };
    }
    let mut offset = HEADER_BYTES;
    while offset < segment.len() {
        let Some((kind, payload)) = wire::read(&segment[offset..]) else {
            if is_last && !segment::was_synced(segment, offset) {
                break;
            }
            return Err(corrupt(offset, "the record is not what its checksum says"));
        };
        tell(kind, payload, audience).map_err(|what| corrupt(offset, what))?;
        offset += wire::HEAD_BYTES + payload.len();
    }
    Ok(offset)
}
