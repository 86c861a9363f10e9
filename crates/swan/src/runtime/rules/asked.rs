//! The queries that a rule's templates ask, answered before the rule is judged: the slice that judges it asks nobody.
//!
//! The templates are expanded here for every element, only to hear what they ask; the slice expands them again with the
//! answers. Both see the same samples, because the answers are what is handed over.

use std::cell::RefCell;
use std::sync::Arc;

use alerting::templates::{Answers, Outside, Sample, SampleValue, Scene, Template};
use facts::configuration::{Rule, RuleGroup};
use kernel::Timestamp;
use promql::{Engine, Plan, QueryResult, SeriesSource, Settings, Value, never_cancelled};

use crate::runtime::instruments::{Instruments, Vector};

/// The templates of an alerting rule that ask queries.
pub(crate) fn asking(labels: &RuleGroup, rule: &Rule) -> Arc<[Template]> {
    let texts = labels.labels.values().chain(rule.labels.values()).chain(rule.annotations.values());
    let templates = texts.filter(|_| rule.alert.is_some()).filter_map(|text| Template::parse(text).ok());
    templates.filter(Template::asks).collect()
}

/// What templates see of the elements of a result, with the answers to what they ask of them.
pub(crate) async fn answered(
    tools: &Instruments,
    templates: &Arc<[Template]>,
    at: Timestamp,
    elements: &Vector,
) -> Arc<Outside> {
    if templates.is_empty() || elements.is_empty() {
        return Arc::clone(&tools.outside);
    }
    let (series, settings, outside) = (Arc::clone(&tools.series), tools.promql, Arc::clone(&tools.outside));
    let (templates, elements) = (Arc::clone(templates), elements.clone());
    let answered = tokio::task::spawn_blocking(move || {
        let answers = RefCell::new(Answers::default());
        let ask = |query: &str| {
            answers.borrow_mut().find(query, || samples(query, &*series, settings, Engine::default(), at))
        };
        for (labels, value) in &elements {
            let scene = Scene { labels, value: *value, at, outside: &outside, ask: &ask };
            templates.iter().for_each(|template| _ = template.expand(&scene));
        }
        Arc::new(Outside { answers: answers.into_inner(), ..(*outside).clone() })
    });
    answered.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what templates ask was not answered");
        Arc::clone(&tools.outside)
    })
}

/// What a query of a template gives.
pub(crate) fn samples(
    query: &str,
    series: &dyn SeriesSource,
    settings: Settings,
    engine: Engine,
    at: Timestamp,
) -> Result<Vec<Sample>, String> {
    let plan = Plan::parse_with(query, settings).map_err(|refusal| refusal.to_string())?;
    let result = engine.instant(&plan, series, at, &never_cancelled).map_err(|error| error.to_string())?;
    match result {
        QueryResult::Vector(samples) => {
            let sample = |(labels, _, value)| Sample { labels, value: of(&value) };
            Ok(samples.into_iter().map(sample).collect())
        }
        QueryResult::Scalar(_, value) => {
            Ok(vec![Sample { labels: kernel::Labels::default(), value: SampleValue::Float(value) }])
        }
        QueryResult::String(..) | QueryResult::Matrix(_) => {
            Err(format!("`{query}` gives no instant vector and no scalar"))
        }
    }
}

fn of(value: &Value) -> SampleValue {
    match value {
        Value::Float(value) => SampleValue::Float(*value),
        Value::Histogram(histogram) => SampleValue::Histogram(histogram.to_string().into()),
    }
}
