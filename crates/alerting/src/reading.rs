//! What one evaluation of a rule read, and what its alerts say from it: labels when it is judged, annotations when an
//! alert fires, and both anew for whoever looks while it fires. The journal keeps what was said at the moment of
//! firing; what is said now is a reading, and no fact.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kernel::{Fingerprint, Labels, Timestamp, limits as kernel_limits};

use crate::Refusal;
use crate::state::{RuleSettings, State};
use crate::templates::{self, Outside, Scene, Template};

/// What an evaluation of a rule gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The logical time of the evaluation.
    pub at: Timestamp,
    /// Every element of the result, with the rule's own labels not yet added.
    pub elements: Vec<(Labels, f64)>,
    /// What the rule's templates see beside them.
    pub outside: Arc<Outside>,
}

/// What an alert says as of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The value of its element.
    pub value: f64,
    /// For people; templates are expanded.
    pub annotations: BTreeMap<String, String>,
}

/// How a rule words its alerts.
#[derive(Debug, Clone)]
pub struct Wording(RuleSettings);

impl State {
    /// How a rule words its alerts; `None` where there is no such alerting rule.
    pub fn wording(&self, group: &str, rule: usize) -> Option<Wording> {
        self.rule(group, rule).cloned().map(Wording)
    }
}

impl Wording {
    /// What the rule's alerts say as of a reading, by fingerprint; of what was not read, nothing.
    pub fn said(&self, reading: &Reading) -> BTreeMap<Fingerprint, Said> {
        let (at, outside) = (reading.at, &*reading.outside);
        // The reading of another configuration may not fit; then it says nothing.
        let Ok((elements, _)) = labelled(&self.0, reading.elements.clone(), at, outside) else {
            return BTreeMap::new();
        };
        let annotations = Annotations::of(&self.0);
        let said = |element: Element| {
            let annotations = annotations.expanded(&element, at, outside);
            (element.fingerprint, Said { value: element.value, annotations })
        };
        elements.into_iter().map(said).collect()
    }
}

/// An element of the result with the rule's labels.
pub(crate) struct Element {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) labels: Labels,
    /// The labels that the result had, which templates see.
    pub(crate) source: Labels,
    pub(crate) value: f64,
}

/// A rule's annotations, parsed once for all of its alerts; where one cannot be, what stands in its place.
#[derive(Debug)]
pub(crate) struct Annotations<'r>(Vec<(&'r str, Result<Template, String>)>);

impl<'r> Annotations<'r> {
    pub(crate) fn of(rule: &'r RuleSettings) -> Self {
        let parsed = rule.annotations.iter().map(|(name, text)| (name.as_str(), parsed(text)));
        Self(parsed.collect())
    }

    /// What an alert says of an element.
    pub(crate) fn expanded(
        &self,
        element: &Element,
        at: Timestamp,
        outside: &Outside,
    ) -> BTreeMap<String, String> {
        let ask = |query: &str| outside.answers.get(query);
        let scene = Scene { labels: &element.source, value: element.value, at, outside, ask: &ask };
        let expanded = self.0.iter().map(|(name, template)| {
            let text = expanded(template, &scene, kernel_limits::TEXT_BYTES_MAX);
            ((*name).to_owned(), text.into_owned())
        });
        expanded.collect()
    }
}

fn parsed(text: &str) -> Result<Template, String> {
    Template::parse(text).map_err(templates::as_text)
}

/// The text of a template, cut where it is too long.
fn expanded<'t>(template: &'t Result<Template, String>, scene: &Scene<'_>, bytes_max: usize) -> Cow<'t, str> {
    let text = match template {
        Ok(template) => template.expand(scene),
        Err(said_instead) => Cow::Borrowed(said_instead.as_str()),
    };
    bounded(text, bytes_max)
}

/// Adds the rule's labels to each element; these win over the element's own, as in Prometheus.
pub(crate) fn labelled(
    rule: &RuleSettings,
    elements: Vec<(Labels, f64)>,
    at: Timestamp,
    outside: &Outside,
) -> Result<(Vec<Element>, HashSet<Fingerprint>), Refusal> {
    let name = rule.alert.as_deref().unwrap_or_default();
    let ask = |query: &str| outside.answers.get(query);
    let added: BTreeMap<&str, Result<Template, String>> = rule
        .labels
        .iter()
        .filter(|(label, _)| !label.is_empty() && *label != "alertname")
        .map(|(label, text)| (label.as_str(), parsed(text)))
        .collect();
    let mut seen = HashSet::with_capacity(elements.len());
    let mut all = Vec::with_capacity(elements.len());
    for (source, value) in elements {
        let own = |label: &str| label == "__name__" || label == "alertname" || added.contains_key(label);
        let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(source.len() + added.len() + 1);
        let kept = source.iter().filter(|(label, _)| !own(label));
        pairs.extend(kept.map(|(label, value)| (label, Cow::Borrowed(value))));
        pairs.push(("alertname", Cow::Borrowed(name)));
        pairs.extend(added.iter().map(|(label, template)| {
            let scene = Scene { labels: &source, value, at, outside, ask: &ask };
            (*label, expanded(template, &scene, kernel_limits::LABEL_VALUE_BYTES_MAX))
        }));
        let labels = Labels::new(pairs).expect("each name is left out of the others and none is empty");
        let fingerprint = labels.fingerprint();
        if !seen.insert(fingerprint) {
            return Err(Refusal::SameLabelsTwice { alert: name.to_owned(), labels });
        }
        all.push(Element { fingerprint, labels, source, value });
    }
    Ok((all, seen))
}

/// Cuts at the last whole character that fits.
fn bounded(text: Cow<'_, str>, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return text;
    }
    Cow::Owned(text[..text.floor_char_boundary(bytes_max)].to_owned())
}
