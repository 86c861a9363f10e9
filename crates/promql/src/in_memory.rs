//! A [`SeriesSource`] that holds its samples in memory, for tests: of this crate, of rules, and in the
//! simulator. It looks at every series for every selection, so it is not for serving.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use kernel::{Labels, Timestamp};

use crate::{Matcher, Selected, Selection, SeriesSource, SourceFault, TimeRange};

/// Series with their samples, sorted by labels.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    series: BTreeMap<Labels, Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl InMemory {
    /// Without any series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample; one that is at the same instant already is replaced. Samples may come in any order.
    pub fn push(&mut self, labels: &Labels, at: Timestamp, value: f64) {
        let ms = at.as_millis();
        let column = match self.series.get_mut(labels) {
            Some(column) => column,
            None => self.series.entry(labels.clone()).or_default(),
        };
        let position = column.timestamps.partition_point(|t| *t < ms);
        if column.timestamps.get(position) == Some(&ms) {
            column.values[position] = value;
        } else {
            column.timestamps.insert(position, ms);
            column.values.insert(position, value);
        }
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn matching(&self, matchers: &[Matcher], range: TimeRange) -> impl Iterator<Item = (&Labels, &Column)> {
        self.series.iter().filter(move |(labels, column)| {
            matchers.iter().all(|matcher| matcher.matches_labels(labels)) && !column.between(range).is_empty()
        })
    }
}

impl Column {
    fn between(&self, range: TimeRange) -> std::ops::Range<usize> {
        let start = self.timestamps.partition_point(|t| *t < range.start.as_millis());
        let end = self.timestamps.partition_point(|t| *t <= range.end.as_millis());
        start..end.max(start)
    }
}

impl SeriesSource for InMemory {
    fn select(
        &self,
        selection: &Selection<'_>,
        each: &mut dyn FnMut(Selected<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceFault> {
        for (labels, column) in self.matching(selection.matchers, selection.range) {
            let between = column.between(selection.range);
            let selected =
                Selected::new(labels, &column.timestamps[between.clone()], &column.values[between]);
            if each(selected).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceFault> {
        let names: BTreeSet<&str> = self
            .matching(matchers, range)
            .flat_map(|(labels, _)| labels.iter())
            .map(|(name, _)| name)
            .collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceFault> {
        let values: BTreeSet<&str> =
            self.matching(matchers, range).filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, SourceFault> {
        Ok(self.matching(matchers, range).map(|(labels, _)| labels.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRIC_NAME;

    #[test]
    fn only_series_with_a_sample_in_the_range_are_there() {
        let mut source = InMemory::new();
        let up = |job: &str| Labels::new([(METRIC_NAME, "up"), ("job", job)]).unwrap();
        source.push(&up("b"), Timestamp::from_secs(10), 1.0);
        source.push(&up("a"), Timestamp::from_secs(20), 0.0);
        source.push(&up("a"), Timestamp::from_secs(15), 1.0);
        source.push(&up("a"), Timestamp::from_secs(15), 2.0);

        let range = |from, to| TimeRange::new(Timestamp::from_secs(from), Timestamp::from_secs(to));
        let any = [Matcher::equal(METRIC_NAME, "up")];
        assert_eq!(source.label_values("job", &any, range(10, 20)).unwrap(), ["a", "b"]);
        assert_eq!(source.label_values("job", &any, range(11, 20)).unwrap(), ["a"]);
        assert_eq!(source.label_names(&any, range(0, 9)).unwrap(), [""; 0]);
        assert_eq!(source.series(&any, TimeRange::ALL).unwrap(), [up("a"), up("b")]);

        let mut seen = Vec::new();
        source
            .select(&Selection::new(&any, range(11, 19)), &mut |series| {
                seen.push((series.labels.clone(), series.timestamps.to_vec(), series.values.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, [(up("a"), vec![15_000], vec![2.0])]);
    }
}
