//! Files by a pattern, as Prometheus's configurations name them: `*`, `?` and classes as `[a-z]` and `[^a-z]` in any
//! part of a path.
//!
//! The syntax is that of Go's `filepath.Glob`; it is put into the words of the `glob` crate, which knows `[!a-z]`
//! and, what Go does not, `**`.

use std::path::{Path, PathBuf};

/// Whether a pattern may mean several files, or none.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The files that a pattern means, sorted; a pattern that is malformed means none.
pub(crate) fn matching(pattern: &Path) -> Vec<PathBuf> {
    let Some(text) = pattern.to_str().filter(|text| has_wildcard(text)) else {
        return if pattern.is_file() { vec![pattern.to_owned()] } else { Vec::new() };
    };
    let mut expression = text.replace("[^", "[!");
    while expression.contains("**") {
        expression = expression.replace("**", "*");
    }
    let Ok(paths) = glob::glob(&expression) else { return Vec::new() };
    let mut files: Vec<PathBuf> = paths.flatten().filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_mean_the_files_that_are_there() {
        let directory = tempfile::tempdir().expect("there is room");
        std::fs::create_dir(directory.path().join("teams")).expect("there is room");
        for name in ["a.yml", "b.yml", "c1.yaml", "c2.yaml", "d+.yml", "other", "teams/t.yml"] {
            std::fs::write(directory.path().join(name), "").expect("it can be written");
        }
        for (pattern, expected) in [
            ("*.yml", &["a.yml", "b.yml", "d+.yml"][..]),
            ("?.yml", &["a.yml", "b.yml"]),
            ("c[1-2].yaml", &["c1.yaml", "c2.yaml"]),
            ("c[^1].yaml", &["c2.yaml"]),
            ("*", &["a.yml", "b.yml", "c1.yaml", "c2.yaml", "d+.yml", "other"]),
            ("d+.*", &["d+.yml"]),
            ("a.yml", &["a.yml"]),
            ("te*/*.yml", &["t.yml"]),
            ("**.yml", &["a.yml", "b.yml", "d+.yml"]),
            ("none.yml", &[]),
            ("x*", &[]),
            ("[a", &[]),
        ] {
            let found = matching(&directory.path().join(pattern));
            let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
            assert_eq!(names, expected, "{pattern}");
        }
    }
}
