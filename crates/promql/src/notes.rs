//! What the engine has to say of a query beside its result, in the words of Prometheus.

use crate::annotations::{Detail, Raised, Severity};
use crate::evaluation::Shared;
use crate::native::{NanRemark, Remarks};
use crate::number::general;
use crate::syntax::literal::quote;

/// What was done when histograms did not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Addition,
    Subtraction,
    Aggregation,
}

impl Doing {
    const fn as_str(self) -> &'static str {
        match self {
            Doing::Addition => "addition",
            Doing::Subtraction => "subtraction",
            Doing::Aggregation => "aggregation",
        }
    }
}

fn of_metric(text: &str, metric: &str) -> String {
    if metric.is_empty() { text.to_owned() } else { format!("{text} for metric name {}", quote(metric)) }
}

impl Shared<'_> {
    fn warn(&self, text: String, at: usize) {
        self.annotations().add(Severity::Warning, text, at, Detail::None);
    }

    fn inform(&self, text: String, at: usize) {
        self.annotations().add(Severity::Info, text, at, Detail::None);
    }

    pub(crate) fn note_quantile(&self, q: f64, at: usize) {
        if !(0.0..=1.0).contains(&q) {
            self.warn(format!("quantile value should be between 0 and 1, got {}", general(q)), at);
        }
    }

    pub(crate) fn note_ratio(&self, ratio: f64, to: f64, at: usize) {
        let (ratio, to) = (general(ratio), general(to));
        self.warn(format!("ratio value should be between -1 and 1, got {ratio}, capping to {to}"), at);
    }

    pub(crate) fn note_bucket_label(&self, metric: &str, label: &str, at: usize) {
        let text = format!("bucket label \"le\" is missing or has a malformed value of {}", quote(label));
        self.warn(of_metric(&text, metric), at);
    }

    pub(crate) fn note_mixed_samples(&self, metric: &str, at: usize) {
        let metric = quote(metric);
        self.warn(format!("encountered a mix of histograms and floats for metric name {metric}"), at);
    }

    pub(crate) fn note_mixed_aggregation(&self, at: usize) {
        self.warn("encountered a mix of histograms and floats for aggregation".to_owned(), at);
    }

    pub(crate) fn note_classic_and_native(&self, metric: &str, at: usize) {
        self.warn(of_metric("vector contains a mix of classic and native histograms", metric), at);
    }

    pub(crate) fn note_not_counter(&self, metric: &str, at: usize) {
        self.warn(format!("this native histogram metric is not a counter: {}", quote(metric)), at);
    }

    pub(crate) fn note_not_gauge(&self, metric: &str, at: usize) {
        self.warn(format!("this native histogram metric is not a gauge: {}", quote(metric)), at);
    }

    pub(crate) fn note_incompatible(&self, metric: &str, at: usize) {
        let text =
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
        self.warn(format!("{text} {}", quote(metric)), at);
    }

    pub(crate) fn note_layouts(&self, operator: &str, at: usize) {
        self.warn(format!("incompatible bucket layout encountered for binary operator {operator}"), at);
    }

    pub(crate) fn note_sort(&self, at: usize) {
        let text = "sort is ineffective for range queries since results are always ordered by labels";
        self.warn(text.to_owned(), at);
    }

    pub(crate) fn note_start_overlap(&self, metric: &str, at: usize) {
        let metric = quote(metric);
        let text =
            format!("sample has start time that overlaps with previous sample timestamp for metric {metric}");
        self.annotations().add(Severity::Warning, text, at, Detail::Occurrences(1));
    }

    pub(crate) fn note_non_counter(&self, metric: &str, at: usize) {
        let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        self.inform(format!("{text} {}", quote(metric)), at);
    }

    pub(crate) fn note_non_counter_type(&self, metric: &str, type_label: &str, at: usize) {
        let text =
            "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got";
        self.inform(format!("{text} {}: {}", quote(type_label), quote(metric)), at);
    }

    pub(crate) fn note_raised(&self, metric: &str, raised: Raised, at: usize) {
        let text = "input to histogram_quantile needed to be fixed for monotonicity (see \
                    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let text = of_metric(text, metric);
        self.annotations().add(Severity::Info, text, at, Detail::Raised(raised));
    }

    pub(crate) fn note_types(&self, left: &str, operator: &str, right: &str, at: usize) {
        let text = "incompatible sample types encountered for binary operator";
        self.inform(format!("{text} {}: {left} {operator} {right}", quote(operator)), at);
    }

    pub(crate) fn note_ignored(&self, aggregation: &str, at: usize) {
        self.inform(format!("ignored histogram in {aggregation} aggregation"), at);
    }

    pub(crate) fn note_ignored_in_range(&self, metric: &str, at: usize) {
        let text = "ignored histograms in a range containing both floats and histograms for metric name";
        self.inform(format!("{text} {}", quote(metric)), at);
    }

    pub(crate) fn note_nan(&self, remark: NanRemark, metric: &str, at: usize) {
        let text = match remark {
            NanRemark::Result => "input to histogram_quantile has NaN observations, result is NaN",
            NanRemark::Skew => "input to histogram_quantile has NaN observations, result is skewed higher",
            NanRemark::LeftOut => {
                "input to histogram_fraction has NaN observations, which are excluded from all fractions"
            }
        };
        self.inform(of_metric(text, metric), at);
    }

    pub(crate) fn note_resets(&self, doing: Doing, at: usize) {
        self.warn(format!("conflicting counter resets during histogram {}", doing.as_str()), at);
    }

    pub(crate) fn note_bounds(&self, doing: Doing, at: usize) {
        self.inform(format!("mismatched custom buckets were reconciled during {}", doing.as_str()), at);
    }

    /// Both of what may be remarkable.
    pub(crate) fn note_remarks(&self, remarks: Remarks, doing: Doing, at: usize) {
        if remarks.resets_collide {
            self.note_resets(doing, at);
        }
        if remarks.bounds_reconciled {
            self.note_bounds(doing, at);
        }
    }
}
