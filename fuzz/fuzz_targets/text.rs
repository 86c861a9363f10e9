//! An exposition as `Text`. Corpus: crates/signals/tests/corpus/text.
#![no_main]

#[path = "checked/exposition.rs"]
mod exposition;

use libfuzzer_sys::fuzz_target;
use signals::exposition::Protocol;

fuzz_target!(|body: &[u8]| exposition::read(body, Protocol::Text));
