//! `swan oncall`: who is on call; acknowledge.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use egress::Method;
use serde_json::{Value, json};

use super::client::Server;
use super::{Output, print_json, print_table};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum OncallCommand {
    /// Who is on call now, until when, and who is next
    Who(Asked),
    /// Take a page: nobody else is notified
    Ack(Ack),
}

#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Ack {
    /// Which page, as `page_7`; the only one that walks, where none is named
    page: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

pub(crate) async fn run(command: OncallCommand) -> Result<ExitCode, Failure> {
    match command {
        OncallCommand::Who(asked) => who(asked).await,
        OncallCommand::Ack(ack) => acknowledge(ack).await,
    }
}

async fn who(Asked { server, output }: Asked) -> Result<ExitCode, Failure> {
    let duties: Vec<Value> = server.ask(Method::GET, "/v1/oncall", None).await?;
    if output.json {
        print_json(&duties)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cell = |duty: &Value, key: &str| duty[key].as_str().unwrap_or("nobody").to_owned();
    let rows: Vec<Vec<String>> = duties
        .iter()
        .map(|duty| ["rotation", "person", "until", "next"].iter().map(|key| cell(duty, key)).collect())
        .collect();
    print_table(&["ROTATION", "ON CALL", "UNTIL", "NEXT"], &rows);
    Ok(ExitCode::SUCCESS)
}

async fn acknowledge(Ack { page, asked: Asked { server, output } }: Ack) -> Result<ExitCode, Failure> {
    let page = match page {
        Some(page) => page,
        None => the_only_one(&server).await?,
    };
    let path = format!("/v1/pages/{page}/acknowledge");
    let done: Value = server.ask(Method::POST, &path, Some(&json!({}))).await?;
    if output.json {
        print_json(&done)?;
    } else {
        println!("{page} is acknowledged: nobody else is notified");
    }
    Ok(ExitCode::SUCCESS)
}

async fn the_only_one(server: &Server) -> Result<String, Failure> {
    let pages: Vec<Value> = server.ask(Method::GET, "/v1/pages", None).await?;
    let open = pages.iter().filter(|page| matches!(page["state"].as_str(), Some("walking" | "exhausted")));
    let open: Vec<&str> = open.filter_map(|page| page["id"].as_str()).collect();
    let sentence = match open.as_slice() {
        [page] => return Ok((*page).to_owned()),
        [] => "no page waits for an answer".to_owned(),
        several => format!("several pages wait for an answer: {}", several.join(", ")),
    };
    Err(Failure::Refused { sentence, hint: (!open.is_empty()).then(|| "name one of them".to_owned()) })
}
