//! `swan incident`: declare, update, resolve.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use egress::Method;
use serde_json::{Value, json};

use super::client::Server;
use super::{Output, print_json, word};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// Declare a disruption of a service
    Declare(Declare),
    /// Give an update
    Update(Update),
    /// Say that it is over; its post-mortem is drafted
    Resolve(Resolve),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Severity {
    Minor,
    Major,
    Critical,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Phase {
    Investigating,
    Identified,
    Monitoring,
}

#[derive(Debug, Args)]
pub(crate) struct Declare {
    /// Which service
    service: String,
    /// What is wrong, in one line
    title: String,
    /// How bad it is
    #[arg(long, value_enum, default_value = "critical")]
    severity: Severity,
    /// Who leads; whoever declares it, where nobody is named
    #[arg(long)]
    leader: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Which incident, as `inc_7`
    incident: String,
    /// What is said
    text: String,
    /// Where the response stands
    #[arg(long, value_enum, default_value = "investigating")]
    phase: Phase,
    /// Tell customers too
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// Which incident, as `inc_7`
    incident: String,
    /// What is said
    text: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(command: IncidentCommand) -> Result<ExitCode, Failure> {
    let (server, output, path, body) = match command {
        IncidentCommand::Declare(Declare { service, title, severity, leader, server, output }) => {
            let severity = word(severity);
            let body = json!({ "service": service, "title": title, "severity": severity, "leader": leader });
            (server, output, "/v1/incidents".to_owned(), body)
        }
        IncidentCommand::Update(Update { incident, text, phase, public, server, output }) => {
            let audience = if public { "public" } else { "internal" };
            let body = json!({ "text": text, "phase": word(phase), "audience": audience });
            (server, output, format!("/v1/incidents/{incident}/updates"), body)
        }
        IncidentCommand::Resolve(Resolve { incident, text, server, output }) => {
            (server, output, format!("/v1/incidents/{incident}/resolve"), json!({ "text": text }))
        }
    };
    let done: Value = server.ask(Method::POST, &path, Some(&body)).await?;
    if output.json {
        print_json(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in done["happened"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}
