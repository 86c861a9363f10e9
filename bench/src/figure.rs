//! The figures of the table: what each is called, which way is better, and what Swan has to reach.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::Kind;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    SamplesPerCpuSecond,
    RequestP50,
    RequestP99,
    RequestMax,
    PeakMemory,
    DiskPerSample,
    InstantQuery,
    RangeQuery,
    SmallRangeQuery,
    SeriesPerCpuSecond,
    MemoryPerSeries,
    RoundInactive,
    RoundActive,
    AlertMean,
    AlertP99,
    AlertMax,
    AlertDecidedP99,
    FsyncP99,
}

/// What is printed of a figure.
struct About {
    name: &'static str,
    unit: &'static str,
    more_is_better: bool,
    /// What Swan must reach, in the unit.
    target: Option<f64>,
}

impl Figure {
    fn about(self) -> About {
        let (name, unit, more_is_better, target) = match self {
            Self::SamplesPerCpuSecond => ("samples per server CPU-second", "k", true, Some(3000.0)),
            Self::RequestP50 => ("request p50 under that load", "ms", false, None),
            Self::RequestP99 => ("request p99 under that load", "ms", false, Some(30.0)),
            Self::RequestMax => ("longest request", "ms", false, Some(250.0)),
            Self::PeakMemory => ("memory at 100 k series, peak", "MB", false, Some(150.0)),
            Self::DiskPerSample => ("disk per sample after compaction", "B", false, Some(1.3)),
            Self::InstantQuery => ("instant sum by(job)(rate(x[5m]))", "ms", false, Some(30.0)),
            Self::RangeQuery => ("range 1 h / 60 s of the same", "ms", false, Some(200.0)),
            Self::SmallRangeQuery => ("range 1 h / 15 s, 1 k series", "ms", false, Some(4.0)),
            Self::SeriesPerCpuSecond => ("new series per CPU-second", "k", true, Some(400.0)),
            Self::MemoryPerSeries => ("memory per new series", "B", false, Some(450.0)),
            Self::RoundInactive => ("1,000 rules × 100 series, none active", "ms CPU", false, Some(40.0)),
            Self::RoundActive => ("the same, all active", "ms CPU", false, Some(500.0)),
            Self::AlertMean => ("pushed sample to alert, mean", "ms", false, None),
            Self::AlertP99 => ("pushed sample to durable alert, p99", "ms", false, None),
            Self::AlertMax => ("pushed sample to alert, max", "ms", false, None),
            Self::AlertDecidedP99 => ("pushed sample to alert decided, p99", "ms", false, Some(5.0)),
            Self::FsyncP99 => ("fsync of this disk, p99", "ms", false, None),
        };
        About { name, unit, more_is_better, target }
    }
}

/// Figures of one server in one round.
pub(crate) type Measured = BTreeMap<Figure, f64>;

/// Every figure of every round.
#[derive(Debug, Default)]
pub(crate) struct Book {
    figures: BTreeMap<(Figure, Kind), Vec<f64>>,
    /// What was not as it should be.
    pub(crate) remarks: Vec<String>,
}

impl Book {
    pub(crate) fn enter(&mut self, kind: Kind, measured: Measured) {
        for (figure, value) in measured {
            self.figures.entry((figure, kind)).or_default().push(value);
        }
    }

    fn median(&self, figure: Figure, kind: Kind) -> Option<f64> {
        self.figures.get(&(figure, kind)).and_then(|all| median(all))
    }

    /// How many times better Swan stands than the better peer, in this run.
    fn ratio(&self, figure: Figure) -> Option<f64> {
        let swan = self.median(figure, Kind::Swan)?;
        let peers =
            [Kind::Prometheus, Kind::Victoria].into_iter().filter_map(|kind| self.median(figure, kind));
        let more = figure.about().more_is_better;
        let best = peers.reduce(|a, b| if (a > b) == more { a } else { b })?;
        Some(if more { swan / best } else { best / swan })
    }

    fn rows(&self) -> Vec<Figure> {
        let mut rows: Vec<Figure> = self.figures.keys().map(|(figure, _)| *figure).collect();
        rows.dedup();
        rows
    }

    /// As text, a median and its spread in each cell.
    pub(crate) fn print(&self, kinds: &[(Kind, Option<String>)]) {
        print!("{:<38} {:>7}", "", "");
        for kind in Kind::ALL {
            print!(" {:>28}", kind.name());
        }
        println!(" {:>10} {:>8}", "must reach", "ratio");
        for figure in self.rows() {
            let about = figure.about();
            print!("{:<38} {:>7}", about.name, about.unit);
            for kind in Kind::ALL {
                print!(" {:>28}", self.cell(figure, kind, kinds));
            }
            let sign = if about.more_is_better { "≥" } else { "≤" };
            let target = about.target.map_or_else(String::new, |target| format!("{sign} {target}"));
            let ratio = self.ratio(figure).map_or_else(String::new, |ratio| format!("{ratio:.1}×"));
            println!(" {target:>10} {ratio:>8}");
        }
        for (kind, version) in kinds {
            let version = version.as_deref().unwrap_or("not installed");
            println!("{} ({version}) acknowledges {}", kind.name(), kind.acknowledges());
        }
        for remark in &self.remarks {
            println!("remark: {remark}");
        }
    }

    fn cell(&self, figure: Figure, kind: Kind, kinds: &[(Kind, Option<String>)]) -> String {
        let Some(all) = self.figures.get(&(figure, kind)) else {
            let is_missing = kinds.iter().any(|(other, version)| *other == kind && version.is_none());
            return if is_missing { "not installed".to_owned() } else { "-".to_owned() };
        };
        let (low, high) = spread(all);
        format!("{} ({}..{})", short(median(all).unwrap_or(0.0)), short(low), short(high))
    }

    /// The same for other programs.
    pub(crate) fn as_json(&self, kinds: &[(Kind, Option<String>)]) -> Value {
        let row = |figure: Figure| {
            let about = figure.about();
            let cell = |kind: Kind| {
                let all = self.figures.get(&(figure, kind))?;
                Some((kind.name(), json!({ "median": median(all), "rounds": all })))
            };
            let cells: BTreeMap<_, _> = Kind::ALL.into_iter().filter_map(cell).collect();
            let (name, unit, target) = (about.name, about.unit, about.target);
            json!({ "name": name, "unit": unit, "more_is_better": about.more_is_better, "must_reach": target,
                    "servers": cells, "ratio": self.ratio(figure) })
        };
        let rows: Vec<Value> = self.rows().into_iter().map(row).collect();
        let about = |(kind, version): &(Kind, Option<String>)| json!({ "name": kind.name(), "version": version, "acknowledges": kind.acknowledges() });
        let servers: Vec<Value> = kinds.iter().map(about).collect();
        json!({ "rows": rows, "servers": servers, "remarks": self.remarks })
    }
}

/// The middle of some values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The value below which this share lies.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get(((last as f64) * share).round() as usize).copied()
}

fn spread(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

fn short(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}
