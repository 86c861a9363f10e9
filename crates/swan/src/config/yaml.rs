//! The one module that knows which YAML library reads files.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::Error;

/// Keys of configurations that a later Swan reads, so that nobody takes them for a typing mistake.
const NOT_YET: [&str; 6] = ["ratchet", "within", "route", "jobs", "integrations", "maintenance"];

/// Reads a text, or says in one line what is wrong and where.
pub(crate) fn read<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| in_words(file, &error))
}

fn in_words(file: &Path, error: &Error) -> String {
    let error = error.without_snippet();
    let place = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
    let file = file.display();
    match error {
        Error::SerdeUnknownField { field, .. } if NOT_YET.contains(&field.as_str()) => {
            format!(
                "{file}{place}: not supported yet: `{field}`\n  hint: leave it out for now; a later Swan reads it"
            )
        }
        Error::SerdeUnknownField { field, expected, .. } => {
            let hint = match nearest(field, expected) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known here: {}", expected.join(", ")),
            };
            format!("{file}{place}: unknown key `{field}`\n  hint: {hint}")
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("{file}{place}: unknown value `{variant}`\n  hint: one of {}", expected.join(", "))
        }
        other => {
            let text = other.to_string();
            let first = text.lines().next().unwrap_or_default();
            // The library ends its messages with the place, which stands in front here.
            let bare = first.split(" at line ").next().unwrap_or(first);
            // What it says to programmers is of no use to whoever wrote the file.
            let bare = bare.split(", set DuplicateKeyPolicy").next().unwrap_or(bare);
            let said = match bare {
                "expected mapping start" => "expected a mapping: lines of `key: value`",
                "expected sequence start" => "expected a list: `[a, b]`, or lines of `- a`",
                other => other,
            };
            format!("{file}{place}: {said}")
        }
    }
}

/// The known key that a typing mistake most likely meant: at most two edits away.
fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let close = known.iter().map(|key| (edits(written, key), *key)).filter(|(edits, _)| *edits <= 2);
    close.min().map(|(_, key)| key)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused matters here")]
    struct Sample {
        services: BTreeMap<String, u32>,
        window: Option<facts::configuration::Window>,
    }

    fn refused(text: &str) -> String {
        read::<Sample>(Path::new("swan.yaml"), text).expect_err("it is wrong")
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_a_hint() {
        insta::assert_snapshot!(refused("services: {}\nservises: {}\n"), @r"
        swan.yaml:2:1: unknown key `servises`
          hint: did you mean `services`?
        ");
        insta::assert_snapshot!(refused("services: {}\nratchet: 2\n"), @r"
        swan.yaml:2:1: not supported yet: `ratchet`
          hint: leave it out for now; a later Swan reads it
        ");
        insta::assert_snapshot!(
            [
                "services: {}\nwindow: fortnight\n",
                "services: {a: 1, a: 2}\n",
                "services: [\n",
                "services: 3\n"
            ]
            .map(refused)
            .join("\n")
        );
    }
}
