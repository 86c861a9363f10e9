//! swan
fn main() {}
