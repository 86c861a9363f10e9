//! Series that follow from a rule: what a recording rule records, and `ALERTS` and `ALERTS_FOR_STATE` of an alerting
//! rule, as Prometheus writes them. A series that no longer follows ends with a staleness marker.

use std::collections::{BTreeMap, BTreeSet};

use alerting::RuleState;
use kernel::{Labels, Timestamp};
use promql::{Histogram, METRIC_NAME, STALE_NAN, Value};
use web::ports::{Fault, Measured, SeriesSamples, Starts};

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
    let (mut floats, mut histograms) = (Vec::new(), Vec::new());
    for (labels, value) in samples {
        let labels: Vec<(&str, &str)> = labels.iter().collect();
        match value {
            Value::Float(value) => floats.push((labels, [(at.as_millis(), *value)])),
            Value::Histogram(histogram) => {
                histograms.push((labels, [(at.as_millis(), Histogram::clone(histogram))]));
            }
        }
    }
    if !floats.is_empty() {
        let batch: Vec<SeriesSamples<'_>> =
            floats.iter().map(|(labels, samples)| SeriesSamples { labels, samples }).collect();
        tools.samples.append(&batch)?;
    }
    if !histograms.is_empty() {
        let starts = Starts::default();
        let measured = histograms.iter().map(|(labels, histograms)| Measured {
            labels,
            samples: &[],
            histograms,
            exemplars: &[],
            starts,
        });
        tools.intake.take("", &measured.collect::<Vec<_>>())?;
    }
    Ok(())
}
