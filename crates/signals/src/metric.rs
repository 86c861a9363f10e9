use std::fmt;

/// What kind of metric it is. The same eight in every format; not every format has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Kind {
    /// Only rises, except at a restart.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// A histogram of what is now, whose counts also fall.
    GaugeHistogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// A constant 1 whose labels say something.
    Info,
    /// One of several states, each a series.
    StateSet,
    /// Not said.
    #[default]
    Unknown,
}

impl Kind {
    /// As Prometheus's API and OpenMetrics call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::GaugeHistogram => "gaugehistogram",
            Kind::Summary => "summary",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
            Kind::Unknown => "unknown",
        }
    }

    /// The one of this name, as [`as_str`](Self::as_str) gives it.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Kind::Counter,
            Kind::Gauge,
            Kind::Histogram,
            Kind::GaugeHistogram,
            Kind::Summary,
            Kind::Info,
            Kind::StateSet,
            Kind::Unknown,
        ];
        all.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The number that both versions of remote write give it.
    pub(crate) fn of_remote_write(number: u64) -> Self {
        match number {
            1 => Kind::Counter,
            2 => Kind::Gauge,
            3 => Kind::Histogram,
            4 => Kind::GaugeHistogram,
            5 => Kind::Summary,
            6 => Kind::Info,
            7 => Kind::StateSet,
            _ => Kind::Unknown,
        }
    }

    /// The metric whose series has this name: `x` of the histogram series `x_bucket`.
    pub fn family(self, series: &str) -> &str {
        let suffixes: &[&str] = match self {
            Kind::Histogram | Kind::GaugeHistogram => &["_bucket", "_sum", "_count", "_gsum", "_gcount"],
            Kind::Summary => &["_sum", "_count"],
            _ => &[],
        };
        suffixes.iter().find_map(|suffix| series.strip_suffix(suffix)).unwrap_or(series)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
