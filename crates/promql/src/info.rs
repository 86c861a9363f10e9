//! `info`: adds the labels of metrics such as `target_info` to the series that they describe.
//!
//! A series is described by the info series that has the same `job` and `instance`; of several of one name, by the
//! one that was sampled last.

use std::collections::BTreeMap;

use kernel::Labels;

use crate::column::{Column, Name, Row, Series};
use crate::evaluation::{Evaluated, Evaluation, Sink, conflict};
use crate::merge::{Merged, SAME_LABELS};
use crate::plan::Info;
use crate::select::Found;
use crate::{METRIC_NAME, MatchOp, Matcher, QueryError, is_stale};

/// The labels by which series are described.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Series that describe, with when each of their samples is from; `None` where there is none at a step.
struct Describing {
    labels: Labels,
    sampled: Vec<Option<i64>>,
}

impl Evaluation<'_> {
    #[inline(never)]
    pub(crate) fn info(self, info: &Info, sink: &mut Sink<'_>) -> Evaluated {
        let base = self.collect(&info.of)?;
        let is_info =
            |series: &Series| info.names.iter().all(|matcher| matcher.matches_labels(&series.labels));
        let (described, left): (Vec<&Series>, Vec<&Series>) =
            base.series.iter().partition(|series| !is_info(series));
        let describing = self.describing(info, &described)?;
        let by_identity = identities(&describing);
        let mut merged = Merged::new(SAME_LABELS, false);
        for series in left {
            merged.add(series.lend())?;
        }
        let steps = self.steps.count;
        for series in described {
            self.budget().check_cancelled()?;
            let candidates = by_identity.get(&identity(&series.labels)).map_or(&[][..], Vec::as_slice);
            // Steps with the same labels become one series.
            let mut done: Vec<(Labels, Column)> = Vec::new();
            for step in (0..steps).filter(|step| series.column.as_ref().has(*step)) {
                let found = newest(&describing, candidates, step)?;
                let Some(labels) = enriched(info, &series.labels, &found)? else { continue };
                let at = done.iter().position(|(known, _)| *known == labels).unwrap_or_else(|| {
                    done.push((labels, Column::absent(steps)));
                    done.len() - 1
                });
                let column = &mut done[at].1;
                column.floats[step] = series.column.floats[step];
                if let Some(histogram) = series.column.as_ref().histogram(step) {
                    column.set_histogram(step, histogram.clone());
                }
            }
            for (labels, column) in &done {
                let name = if series.name == Name::ToDrop { Name::ToDrop } else { Name::Kept };
                merged.add(Row { labels, name, column: column.as_ref() })?;
            }
        }
        merged.into_series().try_for_each(|series| sink(series.lend()))
    }

    /// The info series of anything that is described.
    fn describing(self, info: &Info, described: &[&Series]) -> Result<Vec<Describing>, QueryError> {
        let mut matchers: Vec<Matcher> = Vec::new();
        for name in IDENTIFYING {
            let mut values: Vec<&str> =
                described.iter().filter_map(|series| series.labels.get(name)).collect();
            values.sort_unstable();
            values.dedup();
            if !values.is_empty() {
                let any: Vec<String> = values.into_iter().map(kernel::pattern::escaped).collect();
                let matcher = Matcher::new(name, MatchOp::Regex, any.join("|"));
                matchers.push(matcher.map_err(|error| conflict(error.to_string()))?);
            }
        }
        if matchers.is_empty() {
            return Ok(Vec::new());
        }
        matchers.extend(info.names.iter().chain(&info.labels).cloned());
        let mut offset_ms = 0_i64;
        for offset in &info.moment.offsets {
            offset_ms = offset_ms.saturating_add(self.millis(offset, true)?);
        }
        let instants = self.instants_of(self.fixed(info.moment.at), offset_ms);
        let mut describing = Vec::new();
        self.look_back_at(&matchers, false, instants, &mut |series, last| {
            let mut sampled = Vec::with_capacity(last.0.len());
            for found in &last.0 {
                sampled.push(match *found {
                    Found::Float(at) if !is_stale(series.values[at]) => Some(series.timestamps[at]),
                    Found::Histogram(at) if !is_stale(series.histograms[at].sum) => {
                        let problem = "this should be an info metric, with float samples:";
                        return Err(conflict(format!("{problem} {}", series.labels.to_labels())));
                    }
                    _ => None,
                });
            }
            if sampled.iter().any(Option::is_some) {
                describing.push(Describing { labels: series.labels.to_labels(), sampled });
            }
            Ok(())
        })?;
        describing.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(describing)
    }
}

fn identity(labels: &Labels) -> [String; 2] {
    IDENTIFYING.map(|name| labels.get(name).unwrap_or("").to_owned())
}

fn identities(describing: &[Describing]) -> BTreeMap<[String; 2], Vec<usize>> {
    let mut by_identity: BTreeMap<[String; 2], Vec<usize>> = BTreeMap::new();
    for (index, one) in describing.iter().enumerate() {
        by_identity.entry(identity(&one.labels)).or_default().push(index);
    }
    by_identity
}

/// The newest of each name at a step.
fn newest<'d>(
    describing: &'d [Describing],
    candidates: &[usize],
    step: usize,
) -> Result<Vec<&'d Labels>, QueryError> {
    let mut found: BTreeMap<&str, (i64, &Labels)> = BTreeMap::new();
    for one in candidates.iter().map(|index| &describing[*index]) {
        let Some(at) = one.sampled[step] else { continue };
        let name = one.labels.get(METRIC_NAME).unwrap_or("");
        match found.get(name) {
            Some((known, _)) if *known > at => {}
            Some((known, labels)) if *known == at => {
                return Err(conflict(format!(
                    "found duplicate series for info metric: existing {labels} @ {at}, new {} @ {at}",
                    one.labels
                )));
            }
            _ => {
                found.insert(name, (at, &one.labels));
            }
        }
    }
    Ok(found.into_values().map(|(_, labels)| labels).collect())
}

/// The labels with those of the info series; `None` where wanted labels are missing.
fn enriched(info: &Info, base: &Labels, found: &[&Labels]) -> Result<Option<Labels>, QueryError> {
    let is_wanted =
        |name: &str| info.labels.is_empty() || info.labels.iter().any(|matcher| matcher.name() == name);
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for labels in found {
        for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME && is_wanted(name)) {
            if added.get(name).is_some_and(|known| *known != value) {
                return Err(conflict(format!("conflicting label: {name}")));
            }
            if base.get(name).is_none() {
                added.insert(name, value);
            }
        }
    }
    if found.is_empty() && !info.labels.iter().all(Matcher::matches_absent) {
        return Ok(None);
    }
    Ok(Some(added.iter().fold(base.clone(), |labels, (name, value)| labels.with(name, value))))
}
