//! The write-ahead log: what was acknowledged is in it.
//!
//! The characters: a [`Log`] takes records from many threads and writes them in the order in which they were handed
//! over; a segment is one file of it; [`replay`] reads segments back.
//!
//! Guarantees:
//! - [`Log::wait`] returns once the record was written to the operating system, and with [`Fsync::EachAppend`] once
//!   it is durable. Whoever comes first writes for all who wait (group commit).
//! - All segments but the last are durable from their first byte to their last, so only the last can end torn.
//! - After a failed write or sync nothing is taken any more: the kernel may have dropped what it could not write,
//!   and a later success would tell nothing about it.

use crate::LOCK;

mod log;
mod records;
mod replay;
mod segment;

pub(crate) use log::{Log, Ticket};
pub(crate) use records::{
    Audience, RecordWriter, deleted_record, dropped_record, floor_record, put_exemplar, tell_exemplar,
};
pub(crate) use replay::replay;
pub(crate) use segment::{
    HEADER_BYTES as SEGMENT_HEADER_BYTES, header as segment_header, number as segment_number,
    path as segment_path,
};

/// When what was appended becomes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// When [`MetricsStore::sync`](crate::MetricsStore::sync) returns; the runtime calls it every second. What was
    /// acknowledged survives the death of the process at once, and the death of the machine after that second.
    #[default]
    EverySecond,
    /// Before the append returns.
    EachAppend,
}
