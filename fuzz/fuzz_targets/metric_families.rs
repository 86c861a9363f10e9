//! An exposition as `MetricFamilies`. Corpus: crates/signals/tests/corpus/metric_families.
#![no_main]

#[path = "checked/exposition.rs"]
mod exposition;

use libfuzzer_sys::fuzz_target;
use signals::exposition::Protocol;

fuzz_target!(|body: &[u8]| exposition::read(body, Protocol::MetricFamilies));
