//! A test file as people write it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use kernel::{Span, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::config::places::{Place, nearest, places};
use crate::config::yaml;

/// A duration like `5m`; a bare `0` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Duration(pub(crate) Span);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: Span = text.parse().map_err(D::Error::custom)?;
        let refused = || D::Error::custom(format!("`{text}` is no duration: it is before nothing"));
        if span < Span::ZERO { Err(refused()) } else { Ok(Self(span)) }
    }
}

/// Seconds since the epoch, or RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Start(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(seconds) = text.parse::<f64>() {
            return Ok(Self(Timestamp::from_millis((seconds * 1000.0).round() as i64)));
        }
        let refused =
            || D::Error::custom(format!("`{text}` is no Unix time and no time like `2026-07-01T00:00:00Z`"));
        text.parse().map(Self).map_err(|_| refused())
    }
}

/// The number of a sample. YAML's own spellings, and Go's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
        }
        deserializer.deserialize_f64(Any)
    }
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule_files: Vec<String>,
    #[serde(default)]
    evaluation_interval: Option<Duration>,
    #[serde(default)]
    group_eval_order: Vec<String>,
    #[serde(default)]
    fuzzy_compare: bool,
    #[serde(default)]
    tests: Vec<TestGroup>,
}

/// Series, and what is expected of the rules over them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestGroup {
    pub(crate) interval: Option<Duration>,
    pub(crate) input_series: Vec<InputSeries>,
    pub(crate) name: Option<String>,
    pub(crate) alert_rule_test: Vec<AlertTest>,
    pub(crate) promql_expr_test: Vec<ExprTest>,
    pub(crate) external_labels: BTreeMap<String, String>,
    pub(crate) external_url: String,
    pub(crate) start_timestamp: Start,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InputSeries {
    pub(crate) series: String,
    pub(crate) values: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertTest {
    pub(crate) eval_time: Duration,
    pub(crate) alertname: String,
    pub(crate) exp_alerts: Option<Vec<ExpectedAlert>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectedAlert {
    pub(crate) exp_labels: Option<BTreeMap<String, String>>,
    pub(crate) exp_annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExprTest {
    pub(crate) expr: String,
    pub(crate) eval_time: Duration,
    pub(crate) exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectedSample {
    pub(crate) labels: String,
    pub(crate) value: Number,
    pub(crate) histogram: String,
}

/// A test file with where its parts stand.
#[derive(Debug)]
pub(crate) struct TestFile {
    pub(crate) path: PathBuf,
    pub(crate) rule_files: Vec<String>,
    pub(crate) evaluation_interval: Span,
    pub(crate) group_eval_order: Vec<String>,
    pub(crate) fuzzy_compare: bool,
    pub(crate) tests: Vec<TestGroup>,
    places: BTreeMap<String, Place>,
}

impl TestFile {
    /// Reads a file; everything that is wrong with it, each with its place.
    pub(crate) fn read(path: &Path) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| vec![format!("cannot read `{}`: {error}", path.display())])?;
        let written: Written = yaml::read(path, &text).map_err(|problem| vec![problem])?;
        let interval = written.evaluation_interval.map_or(Span::ZERO, |interval| interval.0);
        let file = Self {
            path: path.to_owned(),
            rule_files: written.rule_files,
            evaluation_interval: if interval > Span::ZERO { interval } else { Span::from_mins(1) },
            group_eval_order: written.group_eval_order,
            fuzzy_compare: written.fuzzy_compare,
            tests: written.tests,
            places: places(&text),
        };
        let problems = file.problems();
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }

    /// `FILE:LINE:COLUMN` of a part, as `tests[0].alert_rule_test[1]`.
    pub(crate) fn place(&self, part: &str) -> String {
        match nearest(&self.places, part) {
            Some((line, column)) => format!("{}:{line}:{column}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for (number, group) in self.group_eval_order.iter().enumerate() {
            if !seen.insert(group) {
                let place = self.place(&format!("group_eval_order[{number}]"));
                problems.push(format!("{place}: group `{group}` stands twice in the order of evaluation"));
            }
        }
        for (number, test) in self.tests.iter().enumerate() {
            for (case, alert) in test.alert_rule_test.iter().enumerate() {
                let part = format!("tests[{number}].alert_rule_test[{case}]");
                if alert.alertname.is_empty() {
                    let place = self.place(&part);
                    problems.push(format!("{place}: a test of an alert needs its `alertname`"));
                }
            }
        }
        problems
    }
}

impl TestGroup {
    /// The latest time at which anything is tested.
    pub(crate) fn end(&self) -> Span {
        let alerts = self.alert_rule_test.iter().map(|test| test.eval_time.0);
        let exprs = self.promql_expr_test.iter().map(|test| test.eval_time.0);
        alerts.chain(exprs).max().unwrap_or(Span::ZERO)
    }
}
