//! `swan`: one program with which a team keeps an online service available.

mod backtest;
mod cli;
mod clock;
mod config;
mod data_dir;
mod demo;
mod failure;
mod intake;
mod own_metrics;
mod ports;
mod process;
mod reload;
mod rule_tests;
mod runtime;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
