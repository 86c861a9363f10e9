//! Steps of relabelling.

use serde::{Deserialize, Deserializer, Serialize};

/// One step of relabelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    #[serde(default)]
    pub source_labels: Vec<String>,
    /// What joins them.
    #[serde(default = "semicolon")]
    pub separator: String,
    /// What the joined text has to match as a whole.
    #[serde(default = "anything")]
    pub regex: String,
    /// Of `hashmod`.
    #[serde(default)]
    pub modulus: u64,
    /// The label that is written.
    #[serde(default)]
    pub target_label: String,
    /// What is written, with `$1` for what the first group matched.
    #[serde(default = "first_group")]
    pub replacement: String,
    /// What is done.
    #[serde(default)]
    pub action: RelabelAction,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: semicolon(),
            regex: anything(),
            modulus: 0,
            target_label: String::new(),
            replacement: first_group(),
            action: RelabelAction::default(),
        }
    }
}

/// What a step of relabelling does. It is read in capitals and small letters alike, as Prometheus does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelabelAction {
    /// Writes the target label where the regex matches.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what differs from the target label.
    KeepEqual,
    /// Drops what equals the target label.
    DropEqual,
    /// Writes the hash of the joined text modulo `modulus`.
    HashMod,
    /// Copies labels whose names match to names of the replacement.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the joined text in small letters.
    Lowercase,
    /// Writes the joined text in capitals.
    Uppercase,
}

impl<'de> Deserialize<'de> for RelabelAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KNOWN: [(&str, RelabelAction); 11] = [
            ("replace", RelabelAction::Replace),
            ("keep", RelabelAction::Keep),
            ("drop", RelabelAction::Drop),
            ("keepequal", RelabelAction::KeepEqual),
            ("dropequal", RelabelAction::DropEqual),
            ("hashmod", RelabelAction::HashMod),
            ("labelmap", RelabelAction::LabelMap),
            ("labeldrop", RelabelAction::LabelDrop),
            ("labelkeep", RelabelAction::LabelKeep),
            ("lowercase", RelabelAction::Lowercase),
            ("uppercase", RelabelAction::Uppercase),
        ];
        const NAMES: &[&str] = &[
            "replace",
            "keep",
            "drop",
            "keepequal",
            "dropequal",
            "hashmod",
            "labelmap",
            "labeldrop",
            "labelkeep",
            "lowercase",
            "uppercase",
        ];
        let written = String::deserialize(deserializer)?;
        let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(&written));
        known.map(|(_, action)| *action).ok_or_else(|| serde::de::Error::unknown_variant(&written, NAMES))
    }
}

fn semicolon() -> String {
    ";".to_owned()
}

fn anything() -> String {
    "(.*)".to_owned()
}

fn first_group() -> String {
    "$1".to_owned()
}
