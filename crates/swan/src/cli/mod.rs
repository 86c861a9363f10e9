//! The command line. Each command has its file; this one reads arguments and says what went wrong.

mod apply;
mod backtest;
mod check;
mod client;
mod incident;
mod oncall;
mod replay;
mod report;
mod test;
mod token;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::{demo, serve};

/// Where the server listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:7926";
/// The data directory unless told otherwise.
const DATA: &str = "./data";

/// Keeps an online service available: measure, alert, page, respond, inform, learn.
#[derive(Debug, Parser)]
#[command(name = "swan", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or found wanting, 2 unusable arguments or input, \
3 a fault of the machine or the server, 4 the data directory is in use.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything, in one process over one directory
    Serve(ServeArguments),
    /// A small company under load, with an outage on its way
    Demo(demo::DemoArguments),
    /// Read access logs and print the downtime ledger
    Replay(replay::ReplayArguments),
    /// Validate a configuration: errors with file, line, column and a hint
    Check(check::CheckArguments),
    /// Show what a configuration would change, then apply it to a server
    Apply(apply::ApplyArguments),
    /// What a rule file would have done over stored history, beside the rules in force
    Backtest(backtest::BacktestArguments),
    /// Run tests that a team keeps beside its configuration
    #[command(subcommand)]
    Test(test::TestCommand),
    /// Check the journal's hash chain, and that it can be replayed
    Verify(verify::VerifyArguments),
    /// Who is on call; acknowledge a page
    #[command(subcommand)]
    Oncall(oncall::OncallCommand),
    /// Declare, update and resolve incidents
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Credentials of programs
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Reports over a period
    #[command(subcommand)]
    Report(report::ReportCommand),
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// The configuration; without it, `swan apply` brings one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    listen: SocketAddr,
    /// Callers on loopback need no credentials (tests, first steps)
    #[arg(long)]
    trust_loopback: bool,
    /// Where people reach this server, for links in messages
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Let every acknowledged sample survive power loss, at the price of an fsync each
    #[arg(long)]
    sync_each_append: bool,
}

impl ServeArguments {
    fn options(self) -> Result<serve::Options, Failure> {
        if self.trust_loopback && !self.listen.ip().is_loopback() {
            let address = self.listen;
            return Err(Failure::Input(vec![format!(
                "`--trust-loopback` with `--listen {address}` would let in whoever reaches a proxy on this machine\n  \
                 hint: listen on 127.0.0.1, or use tokens"
            )]));
        }
        Ok(serve::Options {
            data: self.data,
            config: self.config,
            listen: self.listen,
            trust_loopback: self.trust_loopback,
            public_url: self.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            sync_each_append: self.sync_each_append,
        })
    }
}

/// How a command's result is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs what the arguments say.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    crate::process::end_when_nobody_reads();
    match dispatch(arguments.command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("  hint: {hint}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(arguments) => {
            log_to_stderr("info");
            stop_on_bugs();
            runtime()?.block_on(serve::serve(arguments.options()?)).map(|()| ExitCode::SUCCESS)
        }
        Command::Demo(arguments) => {
            log_to_stderr("warn");
            stop_on_bugs();
            runtime()?.block_on(demo::run(arguments)).map(|()| ExitCode::SUCCESS)
        }
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Backtest(arguments) => backtest::run(arguments),
        Command::Test(command) => test::run(&command),
        Command::Apply(arguments) => runtime()?.block_on(apply::run(arguments)),
        Command::Oncall(command) => runtime()?.block_on(oncall::run(command)),
        Command::Incident(command) => runtime()?.block_on(incident::run(command)),
        Command::Token(command) => runtime()?.block_on(token::run(command)),
        Command::Report(command) => runtime()?.block_on(report::run(command)),
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(Failure::fault("start the runtime"))
}

/// Structured logs, one JSON object a line, to standard error; `SWAN_LOG` chooses what, as `info,web=debug`.
fn log_to_stderr(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SWAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter);
    logs.with_writer(std::io::stderr).init();
}

/// A panic on any thread is a bug, and a bug stops the process: half of a program is worse than none.
fn stop_on_bugs() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::abort();
    }));
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::fault("write the result"))?;
    println!("{text}");
    Ok(())
}

/// Rows under headings, in columns that are as wide as they need to be; readable in a pipe.
pub(crate) fn print_table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(headings.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// The word of a value that was chosen on the command line.
pub(crate) fn word(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
