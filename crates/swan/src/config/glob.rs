//! Files by a pattern, as Prometheus's configurations name them: `*`, `?` and classes as `[a-z]` in the last part of a
//! path.

use std::path::{Path, PathBuf};

use kernel::Pattern;

/// Whether a pattern may mean several files, or none.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The files that a pattern means, sorted.
pub(crate) fn matching(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    if !has_wildcard(name) {
        return if pattern.is_file() { vec![pattern.to_owned()] } else { Vec::new() };
    }
    // A class that is not closed means nothing, as in Go's `filepath.Glob`.
    let Ok(wanted) = Pattern::anchored(&expression(name)) else { return Vec::new() };
    let directory = pattern.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let matches = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| wanted.is_match(name))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(matches).collect();
    files.sort();
    files
}

/// The same as a regular expression.
fn expression(pattern: &str) -> String {
    let mut expression = String::new();
    let mut is_class = false;
    for letter in pattern.chars() {
        is_class = (is_class || letter == '[') && letter != ']';
        match letter {
            _ if is_class => expression.push(letter),
            ']' => expression.push(letter),
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&kernel::pattern::escaped(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_mean_the_files_that_are_there() {
        let directory = tempfile::tempdir().expect("there is room");
        for name in ["a.yml", "b.yml", "c1.yaml", "c2.yaml", "d+.yml", "other"] {
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
