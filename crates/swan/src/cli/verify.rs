//! `swan verify`: the journal's numbering, hash chain and entries, without the server's help.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use journal::Head;
use serde_json::json;
use store::SqliteLog;

use super::{DATA, Output, print_json};
use crate::data_dir::DataDir;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The data directory; no server may have it
    #[arg(value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// A head that was noted earlier, as this command prints it: finds what was cut off since
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<Head>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    if !arguments.data.join("journal.db").exists() {
        let message = format!("`{}` has no journal", arguments.data.display());
        return Err(Failure::Input(vec![message]));
    }
    let data = DataDir::lock(&arguments.data)?;
    let log = SqliteLog::open(&data.path("journal.db")).map_err(Failure::fault("open the journal"))?;
    let verified = match journal::verify(&log, arguments.head) {
        Ok(verified) => verified,
        Err(fault) => {
            let detail = crate::failure::in_full(&fault);
            if arguments.output.json {
                print_json(&json!({ "valid": false, "error": detail }))?;
            } else {
                println!("the journal is NOT sound: {detail}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    if arguments.output.json {
        print_json(
            &json!({ "valid": true, "entries": verified.entries, "head": verified.head.to_string() }),
        )?;
    } else {
        println!("the journal is sound: {} entries", verified.entries);
        println!("head {}", verified.head);
    }
    Ok(ExitCode::SUCCESS)
}
