//! `swan token`: credentials of programs.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use egress::Method;
use serde_json::{Value, json};

use super::client::Server;
use super::{Output, print_json, word};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once
    Create(Create),
    /// Take a token back
    Revoke(Revoke),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Send samples, events, alerts and heartbeats
    Ingest,
    /// Look, and act in incidents and pages
    Responder,
    /// Everything
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// By which the journal knows whoever presents it
    name: String,
    /// What it may be used for
    #[arg(long, value_enum, default_value = "ingest")]
    role: Role,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Which token
    name: String,
    #[command(flatten)]
    server: Server,
}

pub(crate) async fn run(command: TokenCommand) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::Create(Create { name, role, server, output }) => {
            let body = json!({ "name": name, "role": word(role) });
            let made: Value = server.ask(Method::POST, "/v1/tokens", Some(&body)).await?;
            match made["token"].as_str() {
                Some(token) if !output.json => println!("{token}"),
                _ => print_json(&made)?,
            }
        }
        TokenCommand::Revoke(Revoke { name, server }) => {
            let (status, _) = server.exchange(Method::DELETE, &format!("/v1/tokens/{name}"), None).await?;
            match status {
                204 => println!("nobody can use the token `{name}` any more"),
                404 => {
                    let sentence = format!("there is no token `{name}`");
                    return Err(Failure::Refused { sentence, hint: None });
                }
                other => return Err(Failure::Server(format!("the server answered {other}"))),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
