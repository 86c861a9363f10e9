//! Files of a configuration as text.

use std::path::Path;

pub(super) fn read_text(file: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(file).map_err(|error| vec![format!("cannot read `{}`: {error}", file.display())])
}
