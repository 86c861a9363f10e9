//! The configuration of a file takes effect: at the start, and again when SIGHUP asks for it.
//!
//! It takes effect as a whole or not at all: what is wrong with it is in the log, and what was in force stays.

use std::path::PathBuf;

use kernel::Actor;
use store::Directory;
use tokio::signal::unix::Signal;
use web::ports::Submission;

use crate::config;
use crate::failure::Failure;
use crate::ports::prepare;
use crate::runtime::engine_loop::Handle;
use crate::runtime::instruments::submit;

/// Runs until the task is dropped.
pub(crate) async fn run(mut asked: Signal, file: Option<PathBuf>, directory: Directory, engine: Handle) {
    while asked.recv().await.is_some() {
        let Some(file) = &file else {
            tracing::info!("there is no `--config` to read again; `swan apply` changes the configuration");
            continue;
        };
        match reload(file.clone(), &directory, &engine).await {
            Ok(()) => {
                tracing::info!(file = %file.display(), "the configuration was read again, and is in force")
            }
            Err(failure) => {
                let detail = failure.to_string();
                tracing::error!(file = %file.display(), detail, "the configuration stays as it was");
            }
        }
    }
}

async fn reload(file: PathBuf, directory: &Directory, engine: &Handle) -> Result<(), Failure> {
    let read = tokio::task::spawn_blocking(move || config::load(&file));
    let submission = read.await.map_err(Failure::fault("read the configuration"))??;
    apply(submission, directory, engine).await
}

/// Has a configuration take effect.
pub(crate) async fn apply(
    submission: Submission,
    directory: &Directory,
    engine: &Handle,
) -> Result<(), Failure> {
    let command = prepare(directory, submission).map_err(Failure::fault("apply the configuration"))?;
    let applied = submit(engine, Actor::Configuration, command).await;
    applied.map_err(Failure::fault("apply the configuration"))?.map_err(Failure::refused)?;
    Ok(())
}
