//! An exposition as `OpenMetrics`. Corpus: crates/signals/tests/corpus/openmetrics.
#![no_main]

#[path = "checked/exposition.rs"]
mod exposition;

use libfuzzer_sys::fuzz_target;
use signals::exposition::Protocol;

fuzz_target!(|body: &[u8]| exposition::read(body, Protocol::OpenMetrics));
