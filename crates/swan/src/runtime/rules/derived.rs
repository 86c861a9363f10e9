//! Series that follow from a rule: what a recording rule records, and `ALERTS` and `ALERTS_FOR_STATE` of an alerting
//! rule, as Prometheus writes them. A series that no longer follows ends with a staleness marker.

use std::collections::{BTreeMap, BTreeSet};

use alerting::RuleState;
use kernel::{Labels, Timestamp};
use promql::{METRIC_NAME, STALE_NAN};
use web::ports::{Fault, SeriesSamples};

use crate::runtime::instruments::{Instruments, Vector};

/// The series of an alert that is pending or fires.
pub(super) const ALERTS: &str = "ALERTS";
/// Since when it does.
pub(super) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// What was written last.
#[derive(Default)]
pub(crate) struct Derived {
    series: BTreeMap<Labels, f64>,
}

impl Derived {
    /// Replaces the series, and writes them; those that are gone end.
    pub(crate) fn replace(
        &mut self,
        tools: &Instruments,
        at: Timestamp,
        series: BTreeMap<Labels, f64>,
    ) -> Result<(), Fault> {
        let gone: BTreeSet<Labels> =
            self.series.keys().filter(|labels| !series.contains_key(labels)).cloned().collect();
        self.series = series;
        let ended = gone.iter().map(|labels| (labels, STALE_NAN));
        write(tools, at, self.series.iter().map(|(labels, value)| (labels, *value)).chain(ended))
    }

    /// Writes the same again.
    pub(crate) fn repeat(&self, tools: &Instruments, at: Timestamp) -> Result<(), Fault> {
        write(tools, at, self.series.iter().map(|(labels, value)| (labels, *value)))
    }
}

/// What a recording rule records. Two elements that become one are an error, as in Prometheus.
pub(crate) fn recorded(
    name: &str,
    added: &BTreeMap<String, String>,
    elements: Vector,
) -> Result<BTreeMap<Labels, f64>, String> {
    let mut all = BTreeMap::new();
    for (labels, value) in elements {
        let labels = added.iter().fold(labels.with(METRIC_NAME, name), |labels, (n, v)| labels.with(n, v));
        if all.contains_key(&labels) {
            return Err(format!("two series of the result have the labels {labels}"));
        }
        all.insert(labels, value);
    }
    Ok(all)
}

/// What an alerting rule's alerts give: 1 for each, and since when it holds.
pub(crate) fn of_alerts(state: &RuleState<'_>) -> BTreeMap<Labels, f64> {
    let mut all = BTreeMap::new();
    let mut add = |labels: &Labels, condition: &str, since: Timestamp| {
        all.insert(labels.with(METRIC_NAME, ALERTS).with("alertstate", condition), 1.0);
        all.insert(labels.with(METRIC_NAME, ALERTS_FOR_STATE), (since.as_millis() as f64 / 1000.0).floor());
    };
    for (_, pending) in &state.pending {
        add(&pending.labels, "pending", pending.since);
    }
    for alert in &state.firing {
        add(&alert.fired.labels, "firing", alert.fired.starts_at);
    }
    all
}

fn write<'l>(
    tools: &Instruments,
    at: Timestamp,
    samples: impl Iterator<Item = (&'l Labels, f64)>,
) -> Result<(), Fault> {
    let pairs = |(labels, value): (&'l Labels, f64)| {
        let labels: Vec<(&str, &str)> = labels.iter().collect();
        (labels, [(at.as_millis(), value)])
    };
    let series: Vec<_> = samples.map(pairs).collect();
    if series.is_empty() {
        return Ok(());
    }
    let batch: Vec<SeriesSamples<'_>> =
        series.iter().map(|(labels, samples)| SeriesSamples { labels, samples }).collect();
    tools.samples.append(&batch).map(|_| ())
}
