//! How fast remote write bodies are decoded: `cargo run --release -p signals --example remote_write_speed -- FILE`.
//!
//! The file is what `loadgen gen` writes: a number of bodies in a round (u32, little endian), then bodies, each with
//! its length and its number of samples (u32) before it.

use std::time::Instant;

use signals::remote_write::{Decoder, Version};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: remote_write_speed FILE")?;
    let file = std::fs::read(&path)?;
    let mut rest = file.get(4..).ok_or("the file is too short")?;
    let mut decoder = Decoder::default();
    let (mut samples, mut label_bytes, mut requests) = (0, 0, 0_u64);
    let begun = Instant::now();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let body = after.get(4..4 + length).ok_or("the last body is cut")?;
        decoder.decode(body, Version::V1, |batch| {
            samples += batch.samples_count();
            for series in batch.series() {
                let bytes = |(name, value): &(&str, &str)| name.len() + value.len();
                label_bytes += series.labels().iter().map(bytes).sum::<usize>();
            }
        })?;
        requests += 1;
        rest = &after[4 + length..];
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{requests} requests, {samples} samples, {label_bytes} bytes of labels");
    println!("{seconds:.2} s: {:.2} million samples/s", samples as f64 / seconds / 1e6);
    Ok(())
}
