//! `bench table`: each group of rows gives every server the same in turn, in an order that changes with each round.

mod alert;
mod growth;
mod ingest;
mod receiver;
mod rules;
mod small;

use std::path::PathBuf;

use crate::Outcome;
use crate::figure::{Book, Measured};
use crate::server::{Kind, Programs};

/// A group of rows that come from one start of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// Speed, latency, memory, disk and queries at 100,000 series
    Ingest,
    /// A query over 1,000 series
    Small,
    /// A million new series
    Growth,
    /// Rounds of 1,000 rules
    Rules,
    /// From a pushed sample to its alert
    Alert,
}

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Only these rows
    #[arg(long, value_delimiter = ',', default_value = "ingest,small,growth,rules,alert")]
    rows: Vec<Group>,
    /// Only these servers, by the first letter of their names
    #[arg(long, default_value = "pvs")]
    servers: String,
    /// How often each row is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// This share of the series; 0.05 takes about two minutes with one round
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where loads and servers keep their files; removed afterwards
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    directory: PathBuf,
}

/// What a group needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Course<'a> {
    pub(crate) programs: &'a Programs,
    /// Its own, and empty.
    pub(crate) directory: PathBuf,
    pub(crate) scale: f64,
}

impl Course<'_> {
    /// So many series at this scale, whole hosts.
    pub(crate) fn series(&self, full: usize) -> usize {
        let scaled = (full as f64 * self.scale) as usize / crate::load::HOST * crate::load::HOST;
        scaled.max(crate::load::HOST)
    }
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments, programs: &Programs) -> Outcome<bool> {
    let wanted = |kind: &Kind| {
        let letter = kind.name().chars().next().unwrap_or('?').to_ascii_lowercase();
        arguments.servers.contains(letter)
    };
    let kinds: Vec<_> =
        Kind::ALL.into_iter().filter(wanted).map(|kind| (kind, programs.version(kind))).collect();
    let mut installed: Vec<Kind> =
        kinds.iter().filter(|(_, version)| version.is_some()).map(|(kind, _)| *kind).collect();
    let mut book = Book::default();
    for round in 0..arguments.rounds {
        for &group in &arguments.rows {
            for &kind in &installed {
                eprintln!("round {} of {}: {group:?} of {}", round + 1, arguments.rounds, kind.name());
                _ = std::fs::remove_dir_all(&arguments.directory);
                std::fs::create_dir_all(&arguments.directory)?;
                let directory = arguments.directory.canonicalize()?;
                let course = Course { programs, directory, scale: arguments.scale };
                let mut measured = Measured::new();
                if let Err(error) = measure(group, &course, kind, &mut measured) {
                    book.remarks.push(format!("{group:?} of {}: {error}", kind.name()));
                }
                book.enter(kind, measured);
            }
        }
        if !installed.is_empty() {
            installed.rotate_left(1);
        }
    }
    if arguments.scale != 1.0 {
        book.remarks.push(format!("at {} of the full size", arguments.scale));
    }
    _ = std::fs::remove_dir_all(&arguments.directory);
    if arguments.json {
        println!("{:#}", book.as_json(&kinds));
    } else {
        book.print(&kinds);
    }
    Ok(true)
}

fn measure(group: Group, course: &Course<'_>, kind: Kind, measured: &mut Measured) -> Outcome<()> {
    let found = match group {
        Group::Ingest => return ingest::measure(course, kind, measured),
        Group::Small => small::measure(course, kind)?,
        Group::Growth => growth::measure(course, kind)?,
        Group::Rules => rules::measure(course, kind)?,
        Group::Alert => alert::measure(course, kind)?,
    };
    measured.extend(found);
    Ok(())
}
