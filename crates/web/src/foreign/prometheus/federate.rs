//! The last sample of each series that is asked for, in a form that another Prometheus scrapes.
//!
//! Who likes it best gets the messages of [`families`], others text 0.0.4 with timestamps. The text has no form for a
//! native histogram with exponential buckets, so those are left out there; one with custom buckets is written as the
//! classic histogram that it stands for. Series that ended are left out: no format has a form for that.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use kernel::Labels;
use promql::{Engine, Histogram, METRIC_NAME, Matcher, Selection, SeriesSource, TimeRange, is_stale};

use super::accept::{Format, Names, is_plain, plain};
use super::answer::{Unanswered, in_pieces};
use super::families;
use super::gate::Gate;
use super::last::{Families, Form, Last, Value, cumulative};
use super::parameters::Parameters;
use crate::access::Responder;
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/federate", get(federate).post(federate))
}

async fn federate(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Response {
    let selectors = match parameters.selectors() {
        Ok(selectors) => selectors,
        Err(unanswered) => return in_words(&unanswered),
    };
    let (names, format) = (Names::wanted(&headers), Format::wanted(&headers));
    let now = doorway.now();
    let range = TimeRange::new(now - Engine::default().lookback, now);
    let read = move |ports: &crate::ports::Ports, watch: &super::gate::Watch| {
        let mut all = BTreeMap::new();
        for matchers in &selectors {
            gather(&*ports.series, matchers, range, format, &mut all, &|| watch.is_over())?;
        }
        Ok(all)
    };
    let external = doorway.ports.process.external_labels();
    let read = gate.read(&doorway, None, read).await;
    match read.map(|all| with_external(all, &external)) {
        Ok(all) => match format {
            Format::Text => in_pieces(names.content_type(format), written(all, names)),
            Format::Families => in_pieces(names.content_type(format), families::written(all, names)),
        },
        Err(unanswered) => in_words(&unanswered),
    }
}

/// Scrapers read statuses, and people the words.
fn in_words(unanswered: &Unanswered) -> Response {
    (unanswered.status(), unanswered.message.clone() + "\n").into_response()
}

/// The same, with the external labels that a series does not have itself.
fn with_external(mut all: Families, external: &Labels) -> Families {
    for last in all.values_mut().flat_map(BTreeMap::values_mut) {
        for (name, value) in external.iter() {
            if last.labels.get(name).is_none() {
                last.labels = last.labels.with(name, value);
            }
        }
    }
    all
}

fn gather(
    source: &dyn SeriesSource,
    matchers: &[Matcher],
    range: TimeRange,
    format: Format,
    all: &mut Families,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Unanswered> {
    let mut was_stopped = false;
    source.select(&Selection::new(matchers, range), &mut |series| {
        if is_over() {
            was_stopped = true;
            return ControlFlow::Break(());
        }
        let Some(name) = series.labels.get(METRIC_NAME) else { return ControlFlow::Continue(()) };
        let float = series.timestamps.last().zip(series.values.last());
        let histogram = series.histogram_timestamps.last().zip(series.histograms.last());
        let last = match (float, histogram) {
            (Some((at, _)), Some((later, histogram))) if later > at => {
                (*later, Value::Histogram(histogram.clone()))
            }
            (Some((at, value)), _) => (*at, Value::Float(*value)),
            (None, Some((at, histogram))) => (*at, Value::Histogram(histogram.clone())),
            (None, None) => return ControlFlow::Continue(()),
        };
        let (at_ms, value) = last;
        let is_shown = match &value {
            Value::Float(value) => !is_stale(*value),
            Value::Histogram(histogram) => {
                let has_form = histogram.has_custom_buckets() || format == Format::Families;
                has_form && !is_stale(histogram.sum)
            }
        };
        if is_shown {
            let labels = series.labels.clone();
            let family = all.entry((name.to_owned(), value.form())).or_default();
            family.insert(labels.clone(), Last { labels, at_ms, value });
        }
        ControlFlow::Continue(())
    })?;
    if was_stopped {
        Err(Unanswered::new(super::answer::Kind::Canceled, "the query was cancelled"))
    } else {
        Ok(())
    }
}

fn written(all: Families, names: Names) -> impl Iterator<Item = Vec<u8>> + Send {
    all.into_iter().flat_map(move |((name, form), family)| {
        let mut head = String::new();
        let kind = if form == Form::Float { "untyped" } else { "histogram" };
        let shown = match names {
            Names::Any if !is_plain(&name) => quoted(&name),
            _ => plain(&name),
        };
        write_to(&mut head, format_args!("# TYPE {shown} {kind}\n"));
        let series = family.into_values().map(move |last| {
            let mut text = String::new();
            match &last.value {
                Value::Float(value) => {
                    line(&mut text, &name, "", &last, None, *value, names);
                }
                Value::Histogram(histogram) => classic(&mut text, &name, &last, histogram, names),
            }
            text.into_bytes()
        });
        std::iter::once(head.into_bytes()).chain(series)
    })
}

/// A histogram with custom buckets as cumulative buckets, sum and count.
fn classic(text: &mut String, name: &str, last: &Last, histogram: &Histogram, names: Names) {
    for (bound, below) in cumulative(histogram) {
        line(text, name, "_bucket", last, Some(&number(bound)), below, names);
    }
    line(text, name, "_sum", last, None, histogram.sum, names);
    line(text, name, "_count", last, None, histogram.count, names);
}

/// `name_suffix{labels,instance="",le="bound"} value timestamp`. A series without `instance` says so: otherwise the
/// reader would give it its own.
fn line(
    text: &mut String,
    name: &str,
    suffix: &str,
    last: &Last,
    bound: Option<&str>,
    value: f64,
    names: Names,
) {
    let name = format!("{name}{suffix}");
    let is_quoted = names == Names::Any && !is_plain(&name);
    let mut labels: Vec<(String, &str)> = Vec::new();
    for (label, value) in last.labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        let shown = if names == Names::Any && !is_plain(label) { quoted(label) } else { plain(label) };
        labels.push((shown, value));
    }
    if last.labels.get("instance").is_none() {
        labels.push(("instance".to_owned(), ""));
    }
    if let Some(bound) = bound {
        labels.push(("le".to_owned(), bound));
    }
    if is_quoted {
        write_to(text, format_args!("{{{},", quoted(&name)));
    } else {
        write_to(text, format_args!("{}{{", plain(&name)));
    }
    for (place, (label, value)) in labels.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write_to(text, format_args!("{comma}{label}={}", quoted(value)));
    }
    write_to(text, format_args!("}} {} {}\n", number(value), last.at_ms));
}

/// In quotes, with the three characters escaped that the text format escapes.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// As Go writes a number in the text format: `%g` with the fewest digits.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value if value == 0.0 || (1e-4..1e21).contains(&value.abs()) => value.to_string(),
        value => {
            let text = format!("{value:e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
    }
}

fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use promql::{BucketSpan, Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint};

    use super::*;

    fn text(series: Vec<(Labels, Value)>, names: Names) -> String {
        let mut all = Families::new();
        for (labels, value) in series {
            let name = labels.get(METRIC_NAME).unwrap().to_owned();
            let family = all.entry((name, value.form())).or_default();
            family.insert(labels.clone(), Last { labels, at_ms: 1500, value });
        }
        String::from_utf8(written(all, names).flatten().collect()).unwrap()
    }

    #[test]
    fn a_family_is_written_once_with_its_series() {
        let labels = |pairs: &[(&str, &str)]| Labels::new(pairs.iter().copied()).unwrap();
        let series = vec![
            (labels(&[("__name__", "up"), ("instance", "a:1"), ("job", "x\"\n\\")]), Value::Float(1.0)),
            (labels(&[("__name__", "up"), ("job", "b")]), Value::Float(f64::INFINITY)),
            (labels(&[("__name__", "load.avg"), ("a b", "1")]), Value::Float(2.5e-7)),
        ];
        let old = "# TYPE load_avg untyped\n\
                   load_avg{a_b=\"1\",instance=\"\"} 2.5e-07 1500\n\
                   # TYPE up untyped\n\
                   up{instance=\"a:1\",job=\"x\\\"\\n\\\\\"} 1 1500\n\
                   up{job=\"b\",instance=\"\"} +Inf 1500\n";
        let any = old
            .replace("TYPE load_avg", "TYPE \"load.avg\"")
            .replace("load_avg{a_b=", "{\"load.avg\",\"a b\"=");
        let again = |(labels, value): &(Labels, Value)| {
            let Value::Float(value) = value else { panic!("all are floats") };
            (labels.clone(), Value::Float(*value))
        };
        assert_eq!(text(series.iter().map(again).collect(), Names::Any), any);
        assert_eq!(text(series, Names::Old), old);
    }

    #[test]
    fn custom_buckets_are_a_classic_histogram() {
        let histogram = Histogram {
            counter_reset_hint: CounterResetHint::Unknown,
            schema: CUSTOM_BUCKETS_SCHEMA,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 7.0,
            sum: 12.5,
            positive: Buckets {
                spans: vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: 1, length: 2 }],
                counts: vec![1.0, 4.0, 2.0],
            },
            negative: Buckets::default(),
            custom_bounds: [0.5, 1.0, 2.0].into(),
        };
        let labels = Labels::new([("__name__", "d"), ("instance", "a")]).unwrap();
        assert_eq!(
            text(vec![(labels, Value::Histogram(histogram))], Names::Old),
            "# TYPE d histogram\n\
             d_bucket{instance=\"a\",le=\"0.5\"} 1 1500\n\
             d_bucket{instance=\"a\",le=\"1\"} 1 1500\n\
             d_bucket{instance=\"a\",le=\"2\"} 5 1500\n\
             d_bucket{instance=\"a\",le=\"+Inf\"} 7 1500\n\
             d_sum{instance=\"a\"} 12.5 1500\n\
             d_count{instance=\"a\"} 7 1500\n"
        );
    }
}
