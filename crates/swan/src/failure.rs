//! Why a command of the binary did not do what it was asked, as the person at the terminal reads it.
//!
//! Exit codes: 1 for a refusal or for findings, 2 for arguments or input that cannot be used, 3 for a fault of the
//! machine, 4 where another process has the data directory.

use std::path::{Path, PathBuf};

use kernel::Refuse;

/// What went wrong, and what can be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The domain said no.
    #[error("{sentence}")]
    Refused {
        /// Which rule stands against it.
        sentence: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// The input cannot be used; each problem says where.
    #[error("{}", .0.join("\n"))]
    Input(Vec<String>),
    /// Another process has the data directory.
    #[error("`{}` is in use by another swan", .0.display())]
    InUse(PathBuf),
    /// A file operation failed.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// Something else of the machine failed.
    #[error("cannot {doing}: {detail}")]
    Fault {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed, with everything below.
        detail: String,
    },
    /// The server cannot be reached, or answered something that is no answer.
    #[error("{0}")]
    Server(String),
    /// The engine's thread is gone.
    #[error("the engine stopped")]
    Gone,
}

impl Failure {
    /// Wraps a fault of the machine.
    pub(crate) fn fault<E: std::error::Error>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Failure::Fault { doing, detail: in_full(&error) }
    }

    /// Wraps a fault of a file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Failure::File { doing, path, source }
    }

    /// Wraps a fault of a socket.
    pub(crate) fn listen(address: String) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Failure::Listen { address, source }
    }

    /// Wraps a refusal.
    pub(crate) fn refused(refusal: impl Refuse) -> Self {
        Failure::Refused { sentence: refusal.sentence(), hint: refusal.hint() }
    }

    /// What to do, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Failure::Refused { hint, .. } => hint.clone(),
            Failure::InUse(_) => Some("stop that one, or name another directory with `--data`".to_owned()),
            Failure::Listen { .. } => Some("choose another address with `--listen`".to_owned()),
            _ => None,
        }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Refused { .. } => 1,
            Failure::Input(_) => 2,
            Failure::InUse(_) => 4,
            _ => 3,
        }
    }
}

/// A fault with everything below it, in one line.
pub(crate) fn in_full(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut below = fault.source();
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}
