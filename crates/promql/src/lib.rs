//! PromQL over any [`SeriesSource`].
//!
//! The characters: a [`Plan`] is a query, parsed and checked; a [`SeriesSource`] holds samples and hands them over
//! series by series; a [`Matcher`] says which series are meant; the [`Engine`] answers a plan from a source, at
//! one instant or at the steps of a range, and a [`QueryResult`] is the answer.
//!
//! [`Settings`] turn on what Prometheus has behind feature flags.
//!
//! What is guaranteed: the semantics of Prometheus 3.14; the same data gives the same result; each series of a
//! selector is decoded once, whatever the number of steps; text, nesting, samples, points, series and memory are
//! bounded (`limits` and `kernel::limits`).
//!
//! Nothing here reads a clock, draws randomness, or does IO of its own; time is an argument.

mod aggregate;
mod annotations;
mod budget;
mod calendar;
mod classic;
mod column;
mod elementwise;
mod engine;
mod evaluate;
mod evaluation;
mod fold;
mod general;
mod grid;
mod grouping;
mod histogram;
pub mod in_memory;
mod info;
pub mod limits;
mod lower;
mod matcher;
mod matching;
mod mathematics;
mod merge;
mod names;
mod native;
mod natural;
mod notes;
mod number;
mod operator;
mod parts;
mod plan;
mod range;
mod range_function;
mod rank;
mod ratio;
mod reads;
mod refusal;
mod relabel;
mod result;
mod room;
mod samples;
mod select;
mod set;
mod settings;
mod sliding;
mod source;
mod sum;
mod syntax;
mod window;

pub use annotations::{Annotations, Severity};
pub use engine::{Engine, When, never_cancelled};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use native::{
    Bucket, BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, SCHEMA_MAX, SCHEMA_MIN,
};
pub use plan::{Plan, SelectorView, ValueType};
pub use refusal::{Place, QueryError, QueryRefusal};
pub use result::{Answer, Points, QueryResult, Value};
pub use settings::Settings;
pub use source::{
    Cause, Exemplar, LabelView, Lent, METRIC_NAME, STALE_NAN, STALE_NAN_BITS, Selected, Selection,
    SeriesExemplars, SeriesSource, SourceFault, TimeRange, is_stale,
};
