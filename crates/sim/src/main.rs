//! `sim --hours N --seed S [--hours-per-world N] [--threads N]`: a long run. `sim --tell S [--hours-per-world N]`: the
//! story of one seed, with its journal.

use std::process::ExitCode;

use kernel::Span;
use sim::{Plan, Weather, run, run_plan};

const USAGE: &str = "usage: sim [--hours N] [--seed S] [--hours-per-world N] [--threads N] [--tell SEED]";

fn main() -> ExitCode {
    let (plan, told) = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = match told {
        Some(seed) => {
            let weather = Weather::stormy(Span::from_hours(plan.hours_per_world as i64));
            run(seed, Weather { tells: true, ..weather }).map(|outcome| outcome.counts)
        }
        None => run_plan(plan),
    };
    match result {
        Ok(counts) => {
            println!("{counts}");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(Plan, Option<u64>), String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut plan = Plan { seed: 1, hours: 100, hours_per_world: 10, threads };
    let mut told = None;
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        let number: u64 = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
        match name.as_str() {
            "--hours" => plan.hours = number,
            "--seed" => plan.seed = number,
            "--hours-per-world" => plan.hours_per_world = number.max(1),
            "--tell" => told = Some(number),
            "--threads" => plan.threads = number as usize,
            _ => return Err(format!("`{name}` is not an option")),
        }
    }
    Ok((plan, told))
}
