//! `swan report`: the quarter on one page.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use egress::Method;
use kernel::Timestamp;
use serde_json::Value;

use super::client::Server;
use super::{Output, print_json, print_table};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Availability of every service over a period, with causes
    Availability(Availability),
}

#[derive(Debug, Args)]
pub(crate) struct Availability {
    /// From when, as `2026-07-01T00:00:00Z` or `2026-07-01`; 90 days before the end, where it is not given
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Until when; now, where it is not given
    #[arg(long = "to", value_parser = instant)]
    to: Option<Timestamp>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    whole.parse().map_err(|_| format!("`{text}` is not a time like `2026-07-01` or `2026-07-01T09:30:00Z`"))
}

pub(crate) async fn run(ReportCommand::Availability(arguments): ReportCommand) -> Result<ExitCode, Failure> {
    let Availability { from, to, server, output } = arguments;
    let bounds = [("from", from), ("until", to)];
    let query: Vec<String> =
        bounds.iter().filter_map(|(name, at)| at.map(|at| format!("{name}={at}"))).collect();
    let path = format!("/v1/report/availability?{}", query.join("&"));
    let services: Vec<Value> = server.ask(Method::GET, &path, None).await?;
    if output.json {
        print_json(&services)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| "not measured".to_owned(), str::to_owned);
    let mut rows = Vec::new();
    for service in &services {
        let keys = ["service", "availability", "down", "unknown"];
        rows.push(keys.iter().map(|key| text(&service[*key])).collect());
        for cause in service["causes"].as_array().into_iter().flatten() {
            let name = cause["cause"].as_str().unwrap_or("(nobody has said why)");
            rows.push(vec![String::new(), format!("  {name}"), text(&cause["down"]), String::new()]);
        }
    }
    print_table(&["SERVICE", "AVAILABILITY", "DOWN", "NOT MEASURED"], &rows);
    Ok(ExitCode::SUCCESS)
}
