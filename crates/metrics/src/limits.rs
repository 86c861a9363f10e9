//! How big anything in this store may get, beside `kernel::limits`. Each limit says what happens past it.

/// Longest label name; a series with a longer one is refused.
pub const LABEL_NAME_BYTES_MAX: usize = 256;
/// Samples of one chunk; the next one opens another chunk.
pub const CHUNK_SAMPLES_MAX: u16 = 240;
/// A chunk holds samples of one slice of this length, aligned to the epoch, in milliseconds; a sample of the next
/// slice opens another chunk, so that a block on disk can take whole chunks.
pub const CHUNK_SPAN_MS: i64 = 2 * 3_600_000;
/// Late samples that wait beside the chunks of one series; one more merges them all into the chunks.
pub const LATE_SAMPLES_MAX: usize = 128;
/// Shards of the head; a power of two.
pub const SHARDS: usize = 16;
/// A record of the log is closed past this size and another one begun.
pub const RECORD_BYTES: usize = 1 << 20;
/// Largest record; a longer one is damage. A record ends after the series with which it passes `RECORD_BYTES`, so
/// this bounds what one series may hold in memory.
pub const RECORD_BYTES_MAX: usize = 1 << 30;
/// Samples of one series in one entry of a record; more take several entries.
pub const ENTRY_SAMPLES_MAX: usize = 255;
/// Series whose labels are looked up under one lock while a query runs.
pub const SELECT_SERIES_PER_LOCK: usize = 256;
