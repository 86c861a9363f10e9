//! What the index says of itself: which labels cost what.

use promql::METRIC_NAME;

use super::Index;
use crate::companions::RESERVED_LABEL;

/// How many of each kind are told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cardinality {
    /// Series in memory; those that have the starts of others are counted, here and below.
    pub series: u64,
    /// Pairs of a label's name and a value in memory.
    pub label_pairs: u64,
    /// Metrics by how many series they have; most first.
    pub series_by_metric: Vec<(String, u64)>,
    /// Labels by how many values they have; most first.
    pub values_by_label: Vec<(String, u64)>,
    /// Labels by the bytes of their values in all series; most first.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Pairs, as `name=value`, by how many series have them; most first.
    pub series_by_pair: Vec<(String, u64)>,
    /// Sources by how many series they have; most first.
    pub series_by_source: Vec<(String, u64)>,
}

impl Index {
    /// The first `limit` of each kind.
    pub(crate) fn cardinality(&self, limit: usize) -> Cardinality {
        let mut told = Cardinality { series: self.len() as u64, ..Cardinality::default() };
        for (name, pairs) in self.pairs.names() {
            let text = self.symbols.text(name);
            if text == RESERVED_LABEL {
                continue;
            }
            told.label_pairs += pairs.len() as u64;
            told.values_by_label.push((text.to_owned(), pairs.len() as u64));
            let mut bytes = 0;
            for pair in pairs {
                let label = self.pairs.get(*pair);
                let value = self.symbols.text(label.value);
                let series = label.postings.as_slice().len() as u64;
                bytes += series * (value.len() + text.len()) as u64;
                if text == METRIC_NAME {
                    told.series_by_metric.push((value.to_owned(), series));
                }
                told.series_by_pair.push((format!("{text}={value}"), series));
            }
            told.bytes_by_label.push((text.to_owned(), bytes));
            // Never more in hand than a few times what is asked for.
            if told.series_by_pair.len() > limit * 4 + 10_000 {
                keep_most(&mut told.series_by_pair, limit);
            }
        }
        told.series_by_source = self
            .sources
            .iter()
            .map(|(name, series)| (name.to_owned(), series))
            .filter(|(_, n)| *n > 0)
            .collect();
        for list in [
            &mut told.series_by_metric,
            &mut told.values_by_label,
            &mut told.bytes_by_label,
            &mut told.series_by_pair,
            &mut told.series_by_source,
        ] {
            keep_most(list, limit);
        }
        told
    }

    /// Bytes that the lists of series take.
    pub(crate) fn postings_bytes(&self) -> u64 {
        self.pairs.postings_bytes()
    }
}

fn keep_most(list: &mut Vec<(String, u64)>, limit: usize) {
    list.sort_unstable_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
    list.truncate(limit);
}
