//! What arrives: parsers of the wire formats, and the tallies that become judged time.
//!
//! A parser borrows from the bytes that it is given, is total (no input makes it panic or loop) and says of what it
//! refuses where it stands, what it is and what to write instead. Nothing here reads a clock, a file or a socket.

pub mod access_log;
mod command;
pub mod events;
pub mod exposition;
pub mod histogram;
pub mod limits;
mod malformed;
mod metric;
pub mod nginx_status;
mod outcome;
mod protobuf;
pub mod remote_write;
pub mod replay;
pub mod slice;
mod spelling;
mod tally;

pub use command::Command;
pub use malformed::{Format, Malformed, shortened};
pub use metric::Kind;
pub use outcome::FailedWhen;
pub use tally::{Added, Count, SliceCount, Tallies};
