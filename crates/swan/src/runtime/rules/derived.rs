//! Series that follow from a rule: what a recording rule records, and `ALERTS` and `ALERTS_FOR_STATE` of an alerting
//! rule, as Prometheus writes them. A series that no longer follows ends with a staleness marker.

use std::collections::{BTreeMap, BTreeSet};

use alerting::RuleState;
use kernel::{Labels, Timestamp};
use promql::{Histogram, METRIC_NAME, STALE_NAN, Value};
use web::ports::{Fault, Measured, Starts};

use crate::runtime::instruments::{Elements, Instruments};

/// The series of an alert that is pending or fires.
pub(super) const ALERTS: &str = "ALERTS";
/// Since when it does.
pub(super) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// What was written last.
#[derive(Default)]
pub(crate) struct Derived {
    series: BTreeMap<Labels, Value>,
}

impl Derived {
    /// Replaces the series, and writes them; those that are gone end.
    pub(crate) fn replace(
        &mut self,
        tools: &Instruments,
        at: Timestamp,
        series: BTreeMap<Labels, Value>,
    ) -> Result<(), Fault> {
        let gone: BTreeSet<Labels> =
            self.series.keys().filter(|labels| !series.contains_key(labels)).cloned().collect();
        self.series = series;
        let ended = gone.iter().map(|labels| (labels, &Value::Float(STALE_NAN)));
        write(tools, at, self.series.iter().chain(ended))
    }

    /// Writes the same again.
    pub(crate) fn repeat(&self, tools: &Instruments, at: Timestamp) -> Result<(), Fault> {
        write(tools, at, self.series.iter())
    }
}

/// What a recording rule records. Two elements that become one are an error, as in Prometheus.
pub(crate) fn recorded(
    name: &str,
    added: &BTreeMap<String, String>,
    elements: Elements,
) -> Result<BTreeMap<Labels, Value>, String> {
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
pub(crate) fn of_alerts(state: &RuleState<'_>) -> BTreeMap<Labels, Value> {
    let mut all = BTreeMap::new();
    let mut add = |labels: &Labels, condition: &str, since: Timestamp| {
        let since_secs = (since.as_millis() as f64 / 1000.0).floor();
        all.insert(labels.with(METRIC_NAME, ALERTS).with("alertstate", condition), Value::Float(1.0));
        all.insert(labels.with(METRIC_NAME, ALERTS_FOR_STATE), Value::Float(since_secs));
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
    samples: impl Iterator<Item = (&'l Labels, &'l Value)>,
) -> Result<(), Fault> {
    let at_ms = at.as_millis();
    let row = |(labels, value): (&'l Labels, &'l Value)| {
        let labels: Vec<(&str, &str)> = labels.iter().collect();
        match value {
            Value::Float(value) => (labels, Some((at_ms, *value)), None),
            Value::Histogram(histogram) => (labels, None, Some((at_ms, Histogram::clone(histogram)))),
        }
    };
    let rows: Vec<_> = samples.map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let measured = rows.iter().map(|(labels, sample, histogram)| Measured {
        labels,
        samples: sample.as_slice(),
        histograms: histogram.as_slice(),
        exemplars: &[],
        starts: Starts::default(),
    });
    tools.intake.take("", &measured.collect::<Vec<_>>()).map(|_| ())
}
