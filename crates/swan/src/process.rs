//! What the process and the operating system tell each other: signals, and how many files may be open.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// SIGTERM or SIGINT. Both are heard from this call on, so that none of them finds a server that does not drain.
pub(crate) fn shutdown_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::fault("listen for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::fault("listen for SIGINT"))?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGHUP, which asks for the configuration to be read again; from this call on it does not end the process.
pub(crate) fn reload_signal() -> Result<Signal, Failure> {
    signal(SignalKind::hangup()).map_err(Failure::fault("listen for SIGHUP"))
}

/// Lets the process open as many files as it may: blocks of samples and connections are files, and the usual limit is
/// one for programs that call `select`. Where that fails, the usual limit holds.
pub(crate) fn open_more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::info!(%error, limit = limit.current, "no more files can be open than usual");
        }
    }
}

/// Whoever reads what a command prints may have read enough, as `head` has: then it ends, and that is no bug.
pub(crate) fn end_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout: Broken pipe") {
            // 128 and the number of SIGPIPE, as shells say of programs that it ended.
            std::process::exit(141);
        }
        usual(panic);
    }));
}
