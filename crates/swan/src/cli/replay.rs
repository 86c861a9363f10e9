//! `swan replay`: access logs become a ledger, without a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use facts::configuration::{DownWhen, Sli};
use facts::objectives::{Tally, Verdict};
use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Span, Timestamp};
use objectives::Summary;
use serde_json::{Value, json};
use signals::FailedWhen;
use signals::replay::{Found, LogFormat, Replay};

use super::{Output, print_json, print_table};
use crate::failure::Failure;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Log files, possibly gzip; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// What to call the service
    #[arg(long)]
    service: Option<String>,
    /// `combined`, `common`, `json` or `nginx-plus-status`
    #[arg(long, default_value_t = LogFormat::Combined)]
    format: LogFormat,
    /// When a minute is down
    #[arg(long, value_name = "CONDITION", default_value_t = DownWhen::default())]
    down_when: DownWhen,
    /// Which statuses failed: `5xx`, `5xx,429`
    #[arg(long, value_name = "STATUSES", default_value_t = FailedWhen::default())]
    failed: FailedWhen,
    /// A minute with fewer requests is unknown
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    min_requests: u64,
    /// Length of a slice
    #[arg(long, value_name = "SPAN", default_value_t = Span::from_mins(1))]
    slice: Span,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &ReplayArguments) -> Result<ExitCode, Failure> {
    let replay = Replay::new(arguments.format, arguments.slice, arguments.failed);
    let mut replay = replay.map_err(|problem| Failure::Input(vec![problem]))?;
    if let (Some(service), LogFormat::Json) = (&arguments.service, arguments.format) {
        replay = replay.only_service(service.as_str());
    }
    let mut cut_off = Vec::new();
    for log in &arguments.logs {
        if let Some(problem) = feed(&mut replay, log)? {
            cut_off.push(problem);
        }
    }
    let found = replay.finish();
    let sli = Sli {
        requests: arguments.service.clone(),
        down_when: arguments.down_when,
        slice: arguments.slice,
        min_requests: arguments.min_requests,
        ..Sli::default()
    };
    let summary = objectives::summarise(tallies(&found.slices), &sli);
    if arguments.output.json {
        print_json(&as_json(arguments, &found, &summary, &cut_off))?;
    } else {
        print_text(arguments, &found, &summary, &sli);
    }
    for problem in &cut_off {
        eprintln!("error: {problem}\n  hint: what came before it is counted above; fetch the file again");
    }
    Ok(if cut_off.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn tallies(slices: &BTreeMap<Timestamp, signals::Count>) -> impl Iterator<Item = (Timestamp, Tally)> {
    slices.iter().map(|(start, count)| (*start, Tally { good: count.good, bad: count.bad }))
}

/// Feeds a log; what is wrong with it half way is returned, with everything before it counted.
fn feed(replay: &mut Replay, log: &Path) -> Result<Option<String>, Failure> {
    let progress = ProgressBar::hidden();
    let (reader, size): (Box<dyn Read>, u64) = if log == Path::new("-") {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let file = File::open(log).map_err(Failure::file("open", log))?;
        let size = file.metadata().map_or(0, |found| found.len());
        (Box::new(file), size)
    };
    if std::io::stderr().is_terminal() && size > 0 {
        progress.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        progress.set_length(size);
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }
    let problem = feed_pieces(replay, progress.wrap_read(reader), log)?;
    progress.finish_and_clear();
    Ok(problem)
}

fn feed_pieces(replay: &mut Replay, mut reader: impl Read, log: &Path) -> Result<Option<String>, Failure> {
    let mut first = [0_u8; 2];
    let known = fill(&mut reader, &mut first).map_err(Failure::file("read", log))?;
    let whole = std::io::Cursor::new(first[..known].to_vec()).chain(reader);
    let is_gzip = first[..known] == [0x1f, 0x8b];
    let mut reader: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
    let mut piece = vec![0_u8; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => replay.feed(&piece[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if is_gzip => {
                let after = replay.lines();
                return Ok(Some(format!("`{}` is damaged after line {after}: {error}", log.display())));
            }
            Err(error) => return Err(Failure::file("read", log)(error)),
        }
    }
    // The next file begins with a line of its own.
    replay.end_file();
    Ok(None)
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

fn as_json(arguments: &ReplayArguments, found: &Found, summary: &Summary, cut_off: &[String]) -> Value {
    let zones: BTreeMap<&String, Value> =
        found.zones.iter().map(|(zone, slices)| (zone, zone_json(slices))).collect();
    let outages: Vec<Value> = summary
        .outages
        .iter()
        .map(|outage| {
            json!({
                "start": outage.start, "end": outage.end, "slices": outage.slices,
                "requests": outage.tally.good + outage.tally.bad, "failed": outage.tally.bad,
            })
        })
        .collect();
    let unparsable: Vec<Value> = found
        .unparsable_shown
        .iter()
        .map(|line| json!({ "line": line.line, "text": line.text, "reason": line.reason }))
        .collect();
    json!({
        "service": arguments.service,
        "down_when": arguments.down_when,
        "lines": found.lines, "unparsable": found.unparsable, "unparsable_lines": unparsable,
        "requests": found.requests, "failed": found.failed, "out_of_order": found.out_of_order,
        "first": found.first, "last": found.last,
        "measured": summary.measured, "up": summary.up, "down": summary.down, "unknown": summary.unknown,
        "availability": summary.ratio(), "outages": outages, "zones": zones, "cut_off": cut_off,
    })
}

fn zone_json(slices: &BTreeMap<Timestamp, signals::Count>) -> Value {
    let requests: u64 = slices.values().map(|count| count.total()).sum();
    let failed: u64 = slices.values().map(|count| count.bad).sum();
    let minutes: BTreeMap<String, Value> = slices
        .iter()
        .map(|(start, count)| (start.to_string(), json!({ "requests": count.total(), "failed": count.bad })))
        .collect();
    json!({ "requests": requests, "failed": failed, "slices": minutes })
}

fn print_text(arguments: &ReplayArguments, found: &Found, summary: &Summary, sli: &Sli) {
    let service = arguments.service.as_deref().unwrap_or("service");
    if let (Some(first), Some(last)) = (found.first, found.last) {
        println!("{service}: {} requests from {first} to {last}", found.requests);
    } else {
        println!("{service}: no requests");
    }
    println!("  {} failed ({}); {} lines out of order", found.failed, arguments.failed, found.out_of_order);
    print_unparsable(found);
    print_zones(found);
    let unit = if arguments.slice == Span::from_mins(1) {
        "minutes".to_owned()
    } else {
        format!("slices of {}", arguments.slice)
    };
    println!(
        "  {} {unit} measured, {} up, {} down ({}), {} unknown",
        summary.measured, summary.up, summary.down, sli.down_when, summary.unknown
    );
    let availability = summary.ratio().map_or_else(|| "not measured".to_owned(), |ratio| ratio.to_string());
    println!("  availability {availability}");
    print_ledger(found, sli);
}

fn print_unparsable(found: &Found) {
    if found.unparsable == 0 {
        return;
    }
    println!("  {} of {} lines could not be read", found.unparsable, found.lines);
    for line in &found.unparsable_shown {
        println!("    line {}: {}: `{}`", line.line, line.reason, line.text);
    }
}

fn print_zones(found: &Found) {
    if found.zones.is_empty() {
        return;
    }
    let mut rows = Vec::new();
    for (zone, slices) in &found.zones {
        for (start, count) in slices {
            rows.push(vec![
                zone.clone(),
                start.to_string(),
                count.total().to_string(),
                count.bad.to_string(),
            ]);
        }
        let all: u64 = slices.values().map(|count| count.total()).sum();
        let failed: u64 = slices.values().map(|count| count.bad).sum();
        rows.push(vec![zone.clone(), "all".to_owned(), all.to_string(), failed.to_string()]);
    }
    print_table(&["ZONE", "FROM", "REQUESTS", "FAILED"], &rows);
}

/// The ledger: every down slice is a row.
fn print_ledger(found: &Found, sli: &Sli) {
    let down =
        tallies(&found.slices).filter(|(_, tally)| objectives::judge(Some(*tally), sli) == Verdict::Down);
    let rows: Vec<Vec<String>> = down
        .map(|(start, tally)| {
            let all = tally.good + tally.bad;
            let share = format!("{:.2}%", tally.bad as f64 / all as f64 * 100.0);
            vec![start.to_string(), all.to_string(), tally.bad.to_string(), share]
        })
        .collect();
    if !rows.is_empty() {
        print_table(&["DOWN", "REQUESTS", "FAILED", "ERROR RATIO"], &rows);
    }
}
