//! Targets from files, JSON or YAML, whose paths may end with a pattern.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use facts::configuration::{FileDiscovery, TargetGroup};

use super::super::limits::{DISCOVERY_BYTES_MAX, DISCOVERY_FILES_MAX, FILE_LOOK_EVERY};
use super::{Group, Teller, groups_of_json};
use crate::config;

/// What tells that a file changed.
type Seen = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Reads the files again whenever one of them changed, and after the refresh interval in any case.
pub(super) async fn watch(found: FileDiscovery, mut teller: Teller) {
    let mut looks = tokio::time::interval(FILE_LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before: Option<(Seen, tokio::time::Instant)> = None;
    loop {
        looks.tick().await;
        let patterns = found.files.clone();
        let Ok(seen) = tokio::task::spawn_blocking(move || look(&patterns)).await else { return };
        let refresh = found.refresh_interval.to_std();
        let is_known = before.as_ref().is_some_and(|(known, at)| *known == seen && at.elapsed() < refresh);
        if is_known {
            continue;
        }
        let files: Vec<PathBuf> = seen.iter().map(|(path, _)| path.clone()).collect();
        before = Some((seen, tokio::time::Instant::now()));
        let Ok(groups) = tokio::task::spawn_blocking(move || read(&files)).await else { return };
        teller.tell(groups).await;
    }
}

fn look(patterns: &[String]) -> Seen {
    let files = patterns.iter().flat_map(|pattern| config::matching(Path::new(pattern)));
    let stamp = |path: PathBuf| {
        let known = std::fs::metadata(&path).ok();
        let stamp = known.and_then(|known| Some((known.modified().ok()?, known.len())));
        (path, stamp)
    };
    files.take(DISCOVERY_FILES_MAX).map(stamp).collect()
}

/// All or nothing: a file that cannot be read leaves the targets of all as they were.
fn read(files: &[PathBuf]) -> Result<Vec<Group>, String> {
    let mut groups = Vec::new();
    for path in files {
        groups.extend(read_one(path).map_err(|error| format!("`{}`: {error}", path.display()))?);
    }
    Ok(groups)
}

fn read_one(path: &Path) -> Result<Vec<Group>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > DISCOVERY_BYTES_MAX as u64 {
        return Err(format!("more than {DISCOVERY_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let name = path.display().to_string();
    let found_in = ("__meta_filepath", name.as_str());
    if path.extension().is_some_and(|extension| extension == "json") {
        return groups_of_json(text.as_bytes(), found_in);
    }
    let written: Vec<TargetGroup> = config::read_yaml(path, &text)?;
    Ok(written.into_iter().map(|group| Group::new(group, found_in)).collect())
}
