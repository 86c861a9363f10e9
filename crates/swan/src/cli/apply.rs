//! `swan apply`: what would change, then the change.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use egress::Method;
use serde_json::{Value, json};

use super::client::Server;
use super::{Output, print_json};
use crate::config;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// The configuration: a file, or a directory with a `swan.yaml`
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    file: PathBuf,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(arguments: ApplyArguments) -> Result<ExitCode, Failure> {
    let submission = config::load(&arguments.file)?;
    let after =
        serde_json::to_value(&submission.configuration).map_err(Failure::fault("write the configuration"))?;
    let before = in_force(&arguments.server).await?;
    let mut changes = Vec::new();
    compare("", &before, &after, &mut changes);
    let dry_run = arguments.dry_run;
    let path = format!("/v1/configuration?dry_run={dry_run}");
    let body = serde_json::to_value(&submission).map_err(Failure::fault("write the configuration"))?;
    let answer: Value = arguments.server.ask(Method::POST, &path, Some(&body)).await?;
    if arguments.output.json {
        print_json(&json!({ "changes": changes, "answer": answer }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for change in &changes {
        println!("{change}");
    }
    match (changes.len(), dry_run) {
        (0, _) => println!("nothing changes"),
        (count, true) => println!("{count} changes; not applied, because of --dry-run"),
        (count, false) => println!("{count} changes applied"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn in_force(server: &Server) -> Result<Value, Failure> {
    let (status, body) = server.exchange(Method::GET, "/v1/configuration", None).await?;
    if status == 404 {
        return Ok(json!({}));
    }
    let answer: Value = server.ask(Method::GET, "/v1/configuration", None).await?;
    drop(body);
    Ok(answer.get("configuration").cloned().unwrap_or_default())
}

/// What differs, a line each: `+ path: value`, `- path: value`, `~ path: before -> after`.
fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => compare(&path, old, new, changes),
                    (Some(old), None) => changes.push(format!("- {path}: {old}")),
                    (None, Some(new)) if !is_empty(new) => changes.push(format!("+ {path}: {new}")),
                    (None, _) => {}
                }
            }
        }
        _ if before == after => {}
        _ => changes.push(format!("~ {path}: {before} -> {after}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(pairs) => pairs.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_comes_what_goes_and_what_changes() {
        let before = json!({ "services": { "shop": { "owner": "web" } }, "teams": { "web": ["ana"] } });
        let after = json!({ "services": { "shop": { "owner": "shop" }, "mail": {} }, "teams": {} });
        let mut changes = Vec::new();
        compare("", &before, &after, &mut changes);
        assert_eq!(changes, [r#"~ services.shop.owner: "web" -> "shop""#, r#"- teams.web: ["ana"]"#]);
    }
}
