//! `swan backtest`: a rule file over stored history, from a data directory or by a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use egress::Method;
use facts::configuration::PromqlSettings;
use kernel::{Span, Timestamp};
use promql::never_cancelled;
use web::ports::{BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting, Stretch};

use super::client::Server;
use super::report::instant;
use super::{DATA, Output, print_json, runtime};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::{backtest, config, serve};

const MORE: &str = "An incident is caught by a rule that begins to fire within the window around its beginning; a rule \
with a `service` label only catches incidents of that service. Pages are counted by the engine that serves, with \
the configuration's grouping and the silences that were in force. Without --config, the configuration is the one \
that the data directory or the server has in force.

Example: swan backtest rules/shop.yaml --from 2026-07-01 --to 2026-10-01 --data ./data";

#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct BacktestArguments {
    /// The rule file, in Prometheus's format
    #[arg(value_name = "RULES.yaml")]
    rules: PathBuf,
    /// From when, as `2026-07-01T00:00:00Z` or `2026-07-01`
    #[arg(long, value_parser = instant)]
    from: Timestamp,
    /// Until when
    #[arg(long, value_parser = instant)]
    to: Timestamp,
    /// The data directory with the history; no server may have it
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Ask a server, which has the history and the configuration in force
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    server: Option<String>,
    /// A file with a token for the server; else `SWAN_TOKEN`, else `admin.token` in the data directory
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// The configuration with grouping, services and the rules in force
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How far from an incident's beginning a rule may begin to fire and still catch it; 15m unless given
    #[arg(long, value_name = "SPAN")]
    window: Option<Span>,
    /// The time zone of nights and weekends; the rotations' own unless given
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// A time at which nobody evaluated rules, so that alerts stay as they are there; may be repeated
    #[arg(long, value_name = "FROM..TO", value_parser = stretch)]
    skip: Vec<Stretch>,
    #[command(flatten)]
    output: Output,
}

fn stretch(text: &str) -> Result<Stretch, String> {
    let (from, to) = text.split_once("..").ok_or_else(|| format!("`{text}` is not `FROM..TO`"))?;
    let (from, to) = (instant(from)?, instant(to)?);
    if to <= from { Err(format!("`{text}` ends before it begins")) } else { Ok(Stretch { from, to }) }
}

pub(crate) fn run(arguments: BacktestArguments) -> Result<ExitCode, Failure> {
    let read = config::read_rule_file(&arguments.rules).map_err(Failure::Input)?;
    // Which parts of PromQL are on is known where the test runs; here it is only whether it is PromQL at all.
    let errors = read.errors(PromqlSettings::ALL);
    if !errors.is_empty() {
        return Err(Failure::Input(errors));
    }
    let asked = BacktestAsked {
        groups: read.groups,
        from: arguments.from,
        to: arguments.to,
        window: arguments.window,
        zone: arguments.zone,
        skip: arguments.skip,
    };
    let report = match arguments.server {
        Some(server) => {
            let server = Server::at(server, arguments.token_file, arguments.data);
            let body = serde_json::to_value(&asked).map_err(Failure::fault("write the request"))?;
            runtime()?.block_on(server.ask::<BacktestReport>(Method::POST, "/v1/backtest", Some(&body)))?
        }
        None => over_directory(&asked, &arguments.data, arguments.config.as_deref())?,
    };
    if arguments.output.json {
        print_json(&report)?;
    } else {
        backtest::print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn over_directory(
    asked: &BacktestAsked,
    directory: &Path,
    config: Option<&Path>,
) -> Result<BacktestReport, Failure> {
    if !directory.join("journal.db").exists() {
        let message = format!(
            "`{}` has no journal\n  hint: name a data directory with `--data`, or a server with `--server`",
            directory.display()
        );
        return Err(Failure::Input(vec![message]));
    }
    let in_file = config.map(config::load).transpose()?;
    let data = DataDir::lock(directory)?;
    let (engine, _journal) = serve::replay(&data)?;
    let store = serve::open_samples(&data, metrics::Policy::default(), false)?;
    let mut setting = BacktestSetting::of(engine.world());
    if let Some(submission) = in_file {
        setting.configuration = submission.configuration;
    }
    backtest::run(asked, &setting, &store, &never_cancelled).map_err(failed)
}

fn failed(refusal: BacktestRefusal) -> Failure {
    match refusal.code {
        "fault" => Failure::Server(refusal.sentence),
        _ => Failure::Refused { sentence: refusal.sentence, hint: refusal.hint },
    }
}
