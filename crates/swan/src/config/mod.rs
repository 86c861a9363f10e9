//! A team's files become a configuration.
//!
//! [`load`] reads `swan.yaml`, the rule files and the people file that it names, and gives the canonical configuration
//! with the addresses beside it. Everything wrong is reported at once, each with file, line, column and a hint.
//! [`check`] judges what is well-formed: references, names, expressions, templates, time zones, steps that can be
//! empty.

pub(crate) mod check;
mod files;
mod glob;
pub(crate) mod places;
mod rule_files;
pub(crate) mod scraping;
mod text;
pub(crate) mod yaml;

use std::path::Path;

use facts::Configuration;
use sha2::{Digest, Sha256};
use web::ports::Submission;

use crate::failure::Failure;

pub(crate) use files::Loaded;
pub(crate) use glob::{has_wildcard, matching};
pub(crate) use rule_files::{ReadRules, read_rule_file};

/// Reads and checks; what is only a warning is logged.
pub(crate) fn load(path: &Path) -> Result<Submission, Failure> {
    let loaded = files::read(path).map_err(Failure::Input)?;
    let (errors, warnings): (Vec<_>, Vec<_>) = loaded.problems().into_iter().partition(|p| p.is_error);
    if !errors.is_empty() {
        return Err(Failure::Input(errors.iter().map(|problem| loaded.in_place(problem)).collect()));
    }
    for warning in warnings {
        tracing::info!(warning = loaded.in_place(&warning), "the configuration could be better");
    }
    Ok(loaded.submission)
}

/// Reads without judging, for `swan check`, which shows warnings too.
pub(crate) fn read(path: &Path) -> Result<Loaded, Failure> {
    files::read(path).map_err(Failure::Input)
}

/// Reads a YAML text, or says in one line what is wrong and where.
pub(crate) fn read_yaml<T: serde::de::DeserializeOwned>(file: &Path, text: &str) -> Result<T, String> {
    yaml::read(file, text)
}

/// SHA-256 of the canonical JSON text, in hexadecimal.
pub(crate) fn hash(configuration: &Configuration) -> String {
    let text = serde_json::to_vec(configuration).expect("a configuration has a JSON form");
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}
