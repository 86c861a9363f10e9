//! Remote write 1.0. Corpus: crates/signals/tests/corpus/remote_write_1.
#![no_main]

#[path = "checked/remote_write.rs"]
mod remote_write;

use libfuzzer_sys::fuzz_target;
use signals::remote_write::Version;

fuzz_target!(|message: &[u8]| remote_write::read(message, Version::V1));
