//! PromQL over any [`SeriesSource`].
//!
//! The characters: a [`Plan`] is a query, parsed and checked; a [`SeriesSource`] holds samples and hands them over
//! series by series; a [`Matcher`] says which series are meant; the [`Engine`] answers a plan from a source, at
//! one instant or at the steps of a range, and a [`QueryResult`] is the answer.
//!
//! What is guaranteed: the semantics of Prometheus 3 for all that is supported, and a refusal that begins with
//! `not supported yet` for all that is not; the same data gives the same result; each series of a selector is
//! decoded once, whatever the number of steps; text, nesting, samples and points are bounded (`limits` and
//! `kernel::limits`).
//!
//! Nothing here reads a clock, draws randomness, or does IO of its own; time is an argument.

mod aggregate;
mod column;
mod elementwise;
mod engine;
mod evaluate;
mod functions;
mod grouping;
mod histogram;
pub mod in_memory;
pub mod limits;
mod lower;
mod matcher;
mod matching;
mod native;
mod number;
mod operator;
mod plan;
mod rank;
mod refusal;
mod relabel;
mod result;
mod scan;
mod source;
mod sum;
mod window;

pub use engine::{Engine, never_cancelled};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use native::{
    BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, SCHEMA_MAX, SCHEMA_MIN,
};
pub use plan::{Plan, SelectorView, ValueType};
pub use refusal::{QueryError, QueryRefusal};
pub use result::{Points, QueryResult};
pub use source::{
    Cause, METRIC_NAME, STALE_NAN, STALE_NAN_BITS, Selected, Selection, SeriesSource, SourceFault, TimeRange,
    is_stale,
};
