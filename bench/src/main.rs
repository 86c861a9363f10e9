//! `bench`: Swan beside its peers, on one machine in one run.
//!
//! `bench table` gives all servers the same load in turn and prints what each made of it; `bench diff` gives Prometheus
//! and Swan the same random expressions and prints where they disagree. Nothing here shares code with Swan: what it
//! measures, it sees from outside.

mod chance;
mod clock;
mod differential;
mod figure;
mod http;
mod load;
mod process;
mod rows;
mod server;
mod soak;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::server::Programs;

/// What can go wrong here ends the run with a message.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Swan beside its peers")]
struct Arguments {
    #[command(flatten)]
    programs: Programs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The table of figures
    Table(rows::Arguments),
    /// Random PromQL, asked of Prometheus and of Swan
    Diff(differential::Arguments),
    /// A day of load in a fast clock, with kill -9 every minute
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Table(wanted) => rows::run(wanted, &arguments.programs),
        Command::Diff(wanted) => differential::run(wanted, &arguments.programs),
        Command::Soak(wanted) => soak::run(wanted, &arguments.programs),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
