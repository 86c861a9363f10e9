//! One file of the log: a header, then records.

use std::path::{Path, PathBuf};

use crate::wire;

/// Bytes of the header: the magic, the segment's number and a checksum over both.
pub(crate) const HEADER_BYTES: usize = 20;
/// The last byte is the version of the format.
const MAGIC: [u8; 8] = *b"SWANWAL\x01";

/// The path of a segment.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.wal"))
}

/// The number of the segment of this file name; `None` for another file.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_suffix(".wal").and_then(|digits| digits.parse().ok())
}

/// What a segment begins with.
pub(crate) fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Bytes of a record of kind [`wire::kind::SYNCED`].
pub(crate) const MARK_BYTES: usize = wire::HEAD_BYTES + 16;

/// The record, to stand at offset `at`, that all before offset `synced` is durable. It names its own place, so that
/// no text in a label can pass for one.
pub(crate) fn mark(at: u64, synced: u64) -> Vec<u8> {
    let mut record = Vec::with_capacity(MARK_BYTES);
    let start = wire::begin(&mut record, wire::kind::SYNCED);
    record.extend_from_slice(&at.to_le_bytes());
    record.extend_from_slice(&synced.to_le_bytes());
    wire::seal(&mut record, start);
    record
}

/// Whether a mark after `damage` says that the bytes there were durable once.
pub(crate) fn was_synced(segment: &[u8], damage: usize) -> bool {
    (damage..segment.len().saturating_sub(MARK_BYTES - 1)).any(|at| {
        segment[at..].starts_with(&17_u32.to_le_bytes())
            && segment[at + 8] == wire::kind::SYNCED
            && wire::read(&segment[at..]).is_some_and(|(_, payload)| {
                let mut cursor = wire::Cursor::new(payload);
                cursor.u64() == Some(at as u64) && cursor.u64().is_some_and(|synced| synced > damage as u64)
            })
    })
}
