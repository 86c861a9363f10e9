//! From matchers to series.
//!
//! A matcher that series without the label fail is *required*: its series are the union of the lists of the values
//! that match, and all required ones are intersected, the shortest first. Any other matcher *excludes* the lists of
//! the values that do not match. Expressions are tried on the values of the label, never on all series; once there
//! are fewer candidates than values, on the candidates' own values.

use std::borrow::Cow;

use promql::Matcher;

use super::postings::{intersect, subtract, unite};
use super::{Index, Pair};
use crate::SeriesRef;
use crate::companions::{Kind, RESERVED_LABEL};

impl Index {
    /// The series of this kind that all matchers mean, by ref.
    pub(crate) fn select(&self, matchers: &[Matcher], kind: Kind) -> Vec<SeriesRef> {
        let has_starts = self.has_starts();
        if kind == Kind::Starts && !has_starts {
            return Vec::new();
        }
        let mut found = self.select_all(matchers);
        if kind != Kind::All && has_starts {
            self.keep_kind(&mut found, kind == Kind::Starts);
        }
        found.into_iter().map(SeriesRef).collect()
    }

    /// Whether there are companions, so that a label is found that no writer may give.
    pub(crate) fn has_starts(&self) -> bool {
        !self.pairs_named(RESERVED_LABEL).is_empty()
    }

    /// Keeps the starts, or what is no starts.
    fn keep_kind(&self, found: &mut Vec<u32>, are_starts: bool) {
        let name = self.symbols.find(RESERVED_LABEL);
        found.retain(|series| {
            let first = self.pairs_of(SeriesRef(*series)).first();
            first.is_some_and(|pair| Some(self.pairs.get(*pair).name) == name) == are_starts
        });
    }

    fn select_all(&self, matchers: &[Matcher]) -> Vec<u32> {
        let (mut required, excluding): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|matcher| !matcher.matches_absent());
        required.sort_by_cached_key(|matcher| self.cost(matcher));
        let mut candidates: Option<Vec<u32>> = None;
        for matcher in required {
            let narrowed = match candidates {
                None => self.listed(matcher).into_owned(),
                Some(mut found) => {
                    self.narrow(&mut found, matcher, |found| intersect(found, &self.listed(matcher)));
                    found
                }
            };
            if narrowed.is_empty() {
                return Vec::new();
            }
            candidates = Some(narrowed);
        }
        let mut found = candidates.unwrap_or_else(|| self.all().map(|series| series.0).collect());
        for matcher in excluding {
            self.narrow(&mut found, matcher, |found| subtract(found, &self.unlisted(matcher)));
        }
        found
    }

    fn pairs_named(&self, name: &str) -> &[Pair] {
        self.symbols.find(name).map_or(&[], |name| self.pairs.of_name(name))
    }

    fn list(&self, name: &str, value: &str) -> &[u32] {
        let pair = self.symbols.find(name).and_then(|name| self.pairs.find(name, self.symbols.find(value)?));
        pair.map_or(&[], |pair| self.pairs.get(pair).postings.as_slice())
    }

    /// An upper bound of how many series a required matcher leaves; expressions come last.
    fn cost(&self, matcher: &Matcher) -> usize {
        match positive_literals(matcher) {
            Some(literals) => literals.iter().map(|value| self.list(matcher.name(), value).len()).sum(),
            None => usize::MAX,
        }
    }

    /// The series whose value of the label matches.
    fn listed(&self, matcher: &Matcher) -> Cow<'_, [u32]> {
        if let Some(literals) = positive_literals(matcher) {
            return unite(literals.iter().map(|value| self.list(matcher.name(), value)));
        }
        self.lists_where(matcher.name(), |value| matcher.matches(value))
    }

    /// The series that have the label with a value that does not match.
    fn unlisted(&self, matcher: &Matcher) -> Cow<'_, [u32]> {
        if let (true, Some(literals)) = (matcher.op().is_negative(), matcher.literals()) {
            return unite(literals.iter().map(|value| self.list(matcher.name(), value)));
        }
        self.lists_where(matcher.name(), |value| !matcher.matches(value))
    }

    fn lists_where(&self, name: &str, wanted: impl Fn(&str) -> bool) -> Cow<'_, [u32]> {
        let labels = self.pairs_named(name).iter().map(|pair| self.pairs.get(*pair));
        let found = labels.filter(|label| wanted(self.symbols.text(label.value)));
        unite(found.map(|label| label.postings.as_slice()))
    }

    /// Applies a matcher to the candidates themselves where they are few, and by lists where they are many.
    fn narrow(&self, found: &mut Vec<u32>, matcher: &Matcher, by_lists: impl FnOnce(&mut Vec<u32>)) {
        let values = if matcher.literals().is_some() { 1 } else { self.pairs_named(matcher.name()).len() };
        if found.len() > values {
            return by_lists(found);
        }
        let name = self.symbols.find(matcher.name());
        found.retain(|series| {
            let labels = self.pairs_of(SeriesRef(*series)).iter().map(|pair| self.pairs.get(*pair));
            let value = labels.into_iter().find(|label| Some(label.name) == name);
            matcher.matches(value.map_or("", |label| self.symbols.text(label.value)))
        });
    }
}

/// The values one of which a label must have.
pub(crate) fn positive_literals(matcher: &Matcher) -> Option<&[String]> {
    if matcher.op().is_negative() { None } else { matcher.literals() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Gathered, SourceId, hash_labels};
    use promql::MatchOp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_index_finds_what_looking_at_every_series_finds(
            series in prop::collection::btree_set((0_u8..4, 0_u8..6, 0_u8..12), 0..120),
            asked in prop::collection::vec((0_usize..4, 0_usize..4, 0_usize..12), 0..4),
        ) {
            const NAMES: [&str; 4] = ["__name__", "job", "pod", "none"];
            const OPS: [MatchOp; 4] = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
            const VALUES: [&str; 12] =
                ["", "v1", "v2", "v7", "v1|v2", "v1|v1|", "v.*", ".+", ".*", "v[13579]", "nothing", "(v3|v4)"];
            let mut index = Index::default();
            let mut refs = Vec::new();
            for (metric, job, pod) in series {
                let texts = [metric, job, pod].map(|n| if n == 0 { String::new() } else { format!("v{n}") });
                let labels: Vec<_> =
                    NAMES.into_iter().zip(texts.iter().map(String::as_str)).filter(|(_, v)| !v.is_empty()).collect();
                if let Some(series) = index.create(hash_labels(&labels, &mut Gathered::new()), &labels, None, SourceId::default()) {
                    refs.push(series);
                }
            }
            let matchers: Vec<Matcher> =
                asked.into_iter().map(|(n, op, v)| Matcher::new(NAMES[n], OPS[op], VALUES[v]).unwrap()).collect();
            let expected: Vec<SeriesRef> = refs.into_iter().filter(|series| {
                let labels = index.labels(*series).unwrap();
                matchers.iter().all(|matcher| matcher.matches_labels(&labels))
            }).collect();
            prop_assert_eq!(index.select(&matchers, Kind::Samples), expected, "{:?}", matchers);
        }
    }
}
