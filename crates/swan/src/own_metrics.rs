//! Swan's own metrics, as Prometheus text at `/metrics`. Counters are process-wide and start at zero.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use facts::configuration::Channel;
use oncall::Outcome;

use crate::ports::prometheus::RuleBook;

/// Upper bounds of the buckets of request durations, in seconds.
const BUCKETS_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 10.0];

/// Counts what the process does.
#[derive(Default)]
pub(crate) struct OwnCounters {
    rules_evaluated: AtomicU64,
    rules_failed: AtomicU64,
    deliveries: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    requests: Mutex<BTreeMap<(String, u16), Requests>>,
    /// How each rule fared when it was last evaluated.
    pub(crate) rule_book: Arc<RuleBook>,
}

#[derive(Default)]
struct Requests {
    count: u64,
    seconds: f64,
    buckets: [u64; BUCKETS_SECONDS.len()],
}

impl OwnCounters {
    /// Counts an evaluation of a rule.
    pub(crate) fn rule_evaluated(&self, ok: bool) {
        self.rules_evaluated.fetch_add(1, Ordering::Relaxed);
        self.rules_failed.fetch_add(u64::from(!ok), Ordering::Relaxed);
    }

    /// Counts an attempt at a notification.
    pub(crate) fn delivered(&self, channel: Channel, outcome: &Outcome) {
        let channel = match channel {
            Channel::Email => "email",
            Channel::Webhook => "webhook",
        };
        let outcome = match outcome {
            Outcome::HandedOver { .. } => "handed_over",
            Outcome::Refused { .. } => "refused",
            Outcome::Unknown { .. } => "unknown",
        };
        *lock(&self.deliveries).entry((channel, outcome)).or_default() += 1;
    }
}

/// Shows the counters and what the store and the engine say of themselves.
pub(crate) struct OwnMetrics {
    pub(crate) counters: Arc<OwnCounters>,
    pub(crate) store: Arc<metrics::MetricsStore>,
    pub(crate) live: web::live::Live,
}

impl web::ports::OwnMetrics for OwnMetrics {
    fn render(&self) -> String {
        let mut out = String::new();
        let counters = &self.counters;
        family(&mut out, "swan_journal_entries", "counter", "Entries of the journal.");
        line(&mut out, format_args!("swan_journal_entries {}", self.live.head()));
        family(&mut out, "swan_rule_evaluations_total", "counter", "Rules that were evaluated.");
        let evaluated = counters.rules_evaluated.load(Ordering::Relaxed);
        line(&mut out, format_args!("swan_rule_evaluations_total {evaluated}"));
        family(&mut out, "swan_rule_failures_total", "counter", "Rules that could not be evaluated.");
        let failed = counters.rules_failed.load(Ordering::Relaxed);
        line(&mut out, format_args!("swan_rule_failures_total {failed}"));
        family(&mut out, "swan_deliveries_total", "counter", "Attempts at notifications, by outcome.");
        for ((channel, outcome), count) in lock(&counters.deliveries).iter() {
            let labels = format!("channel=\"{channel}\",outcome=\"{outcome}\"");
            line(&mut out, format_args!("swan_deliveries_total{{{labels}}} {count}"));
        }
        self.render_store(&mut out);
        render_requests(&mut out, &lock(&counters.requests));
        out
    }

    fn answered(&self, route: &str, status: u16, took: Duration) {
        let mut requests = lock(&self.counters.requests);
        let counted = requests.entry((route.to_owned(), status)).or_default();
        let seconds = took.as_secs_f64();
        counted.count += 1;
        counted.seconds += seconds;
        for (bucket, bound) in counted.buckets.iter_mut().zip(BUCKETS_SECONDS) {
            *bucket += u64::from(seconds <= bound);
        }
    }
}

impl OwnMetrics {
    fn render_store(&self, out: &mut String) {
        let stats = self.store.stats();
        let gauges = [
            ("swan_series", "Series in the store.", stats.series),
            ("swan_chunk_bytes", "Bytes of compressed samples in memory.", stats.chunk_bytes),
            ("swan_samples_log_bytes", "Bytes of the samples' log.", stats.log_bytes),
        ];
        for (name, help, value) in gauges {
            family(out, name, "gauge", help);
            line(out, format_args!("{name} {value}"));
        }
        family(out, "swan_samples_stored_total", "counter", "Samples that were stored.");
        line(out, format_args!("swan_samples_stored_total {}", stats.stored));
        family(out, "swan_samples_refused_total", "counter", "Samples that were refused, by reason.");
        for reason in metrics::RefusalReason::ALL {
            let (code, count) = (reason.code(), stats.refused.get(reason));
            line(out, format_args!("swan_samples_refused_total{{reason=\"{code}\"}} {count}"));
        }
    }
}

fn render_requests(out: &mut String, requests: &BTreeMap<(String, u16), Requests>) {
    let name = "swan_http_request_duration_seconds";
    family(out, name, "histogram", "HTTP requests that were answered.");
    for ((route, status), counted) in requests {
        let labels = format!("route=\"{route}\",status=\"{status}\"");
        for (bucket, bound) in counted.buckets.iter().zip(BUCKETS_SECONDS) {
            line(out, format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {bucket}"));
        }
        line(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {}", counted.count));
        line(out, format_args!("{name}_sum{{{labels}}} {}", counted.seconds));
        line(out, format_args!("{name}_count{{{labels}}} {}", counted.count));
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all text");
    out.push('\n');
}

/// What a panic left behind the lock are whole counts, so the lock is taken over.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
