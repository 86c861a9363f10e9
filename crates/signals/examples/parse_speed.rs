//! How fast access log lines are read: `cargo run --release -p signals --example parse_speed -- FILE`.
//!
//! Reads the file in pieces of 1 MiB through `Replay`, as `swan replay` does, and prints lines per second.

use std::io::Read;
use std::time::Instant;

use kernel::Span;
use signals::FailedWhen;
use signals::replay::{LogFormat, Replay};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: parse_speed FILE")?;
    let mut replay = Replay::new(LogFormat::Combined, Span::from_mins(1), FailedWhen::default())?;
    let mut file = std::fs::File::open(&path)?;
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    let begun = Instant::now();
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes += length;
        replay.feed(&piece[..length]);
    }
    let found = replay.finish();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} lines, {} unparsable, {} requests, {} failed, {} out of order, {} slices",
        found.lines,
        found.unparsable,
        found.requests,
        found.failed,
        found.out_of_order,
        found.slices.len()
    );
    println!(
        "{seconds:.2} s: {:.2} million lines/s, {:.0} MB/s",
        found.lines as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}
