//! How big anything in this store may get, beside `kernel::limits`. Each limit says what happens past it.

/// Longest label name; a series with a longer one is refused.
pub const LABEL_NAME_BYTES_MAX: usize = 256;
/// Samples of one packed run in memory; the next one opens another run.
pub const RUN_SAMPLES_MAX: u16 = 120;
/// Late samples that wait beside the runs of one series; one more packs them all.
pub const LATE_SAMPLES_MAX: usize = 128;
/// Histograms of one series that wait unpacked; one more packs them all.
pub const HISTOGRAMS_WAITING_MAX: usize = 16;
/// Shards of the head; a power of two.
pub const SHARDS: usize = 16;
/// A record of the log is closed past this size and another one begun.
pub const RECORD_BYTES: usize = 1 << 20;
/// Largest record; a longer one is damage. A record ends after the series with which it passes `RECORD_BYTES`, so
/// this bounds what one series may hold in memory.
pub const RECORD_BYTES_MAX: usize = 1 << 30;
/// Samples of one series in one entry of a record; more take several entries.
pub const ENTRY_SAMPLES_MAX: usize = 255;
/// Series that are read under one lock of the index while a query runs.
pub const SELECT_SERIES_PER_LOCK: usize = 64;
/// Series that are read under one lock of their shard while a query runs; what is read of them fits a near cache.
pub const SELECT_SERIES_PER_SHARD_LOCK: usize = 8;
/// Series below which a query is not worth a second thread.
pub const SELECT_SERIES_PER_PART: usize = 2048;
/// Steps of one series that take as long as looking another one up, roughly.
pub const STEPS_AS_A_SERIES: u64 = 30;
/// Start timestamps that are read for one selection; one that has more is refused.
pub const STARTS_READ_MAX: usize = 25_000_000;
/// Levels of windows beyond the first, each `LEVEL_FACTOR` times as long as the one before.
pub const LEVELS: u32 = 3;
/// Levels of windows where samples are scattered over more windows than [`WINDOWS_MAX`]; the last is longer than all
/// that timestamps can be apart, nearly.
pub const LEVELS_WIDE: u32 = 14;
/// Windows of one cut, and blocks of a store, past which those with little in them become longer ones: each block is an
/// open file.
pub const WINDOWS_MAX: usize = 256;
/// Bytes up to which blocks are merged into windows beyond [`LEVELS`].
pub const WIDE_BLOCK_BYTES_MAX: u64 = 64 << 20;
/// Windows of one level in one of the next.
pub const LEVEL_FACTOR: i64 = 6;
/// Blocks of one window that wait for being merged into a much larger one of it.
pub const BLOCKS_WAITING_MAX: usize = 4;
/// Bytes of an exemplar's labels, names and values together (OpenMetrics 1.0 allows 128 characters); a longer one is
/// refused.
pub const EXEMPLAR_BYTES_MAX: usize = 512;
