//! A segment of the log with anything in it: opening the store and reading everything gives samples or a fault, and what is there can
//! be cut and read again. `make fuzz` begins with a real one.
#![no_main]

#[path = "checked/store.rs"]
mod store;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::open_over("00000001.wal", bytes));
