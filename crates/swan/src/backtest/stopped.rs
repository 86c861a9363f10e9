use promql::SourceFault;

/// Why a course ended before its time.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Nobody waits for it any more.
    Cancelled,
    /// The stored series could not be read.
    Fault(SourceFault),
    /// More points than can be held; over a shorter time there may be fewer.
    TooMuch,
    /// The recording rules give more samples than may be held.
    TooManyRecorded,
    /// More alerts fire than may be remembered.
    TooManyFirings,
}
