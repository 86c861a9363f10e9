use facts::capacity::Reading;
use kernel::ScalableId;

/// What the capacity slice can be asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A scalable was read.
    JudgeReading {
        /// Which.
        scalable: ScalableId,
        /// What was read.
        reading: Reading,
    },
    /// A scalable could not be read.
    ReportUnreadable {
        /// Which.
        scalable: ScalableId,
        /// Why.
        detail: String,
    },
}
