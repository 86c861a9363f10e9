//! Exemplars of the series that an expression reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use kernel::Labels;
use promql::{Exemplar, Matcher, Plan, Points, QueryError, SeriesExemplars};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Answered, Notes, Unanswered, list, success_of};
use super::gate::Gate;
use super::parameters::Parameters;
use crate::access::Responder;
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new().route("/api/v1/query_exemplars", get(query_exemplars).post(query_exemplars))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    series_labels: Labels,
    exemplars: Vec<ShownExemplar>,
}

#[derive(Serialize)]
struct ShownExemplar {
    labels: Labels,
    value: String,
    timestamp: Box<RawValue>,
}

impl From<SeriesExemplars> for Shown {
    fn from(series: SeriesExemplars) -> Self {
        let exemplars = series.exemplars.into_iter().map(ShownExemplar::from).collect();
        Self { series_labels: series.labels, exemplars }
    }
}

impl From<Exemplar> for ShownExemplar {
    fn from(exemplar: Exemplar) -> Self {
        let (timestamp, value) = written(exemplar.at, exemplar.value);
        Self { labels: exemplar.labels, value, timestamp }
    }
}

/// A time and a value as the engine writes those of series.
fn written(at: kernel::Timestamp, value: f64) -> (Box<RawValue>, String) {
    #[derive(serde::Deserialize)]
    struct Written {
        values: [(Box<RawValue>, String); 1],
    }
    let mut text = Vec::new();
    Points { floats: vec![(at, value)], ..Points::default() }.write_json(&mut text);
    let written: Written = serde_json::from_slice(&text).expect("the engine writes JSON");
    let [point] = written.values;
    point
}

async fn query_exemplars(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    let range = parameters.range()?;
    if range.end < range.start {
        return Err(Unanswered::bad_data("end timestamp must not be before start timestamp"));
    }
    let plan = Plan::parse_with(parameters.get("query").unwrap_or(""), doorway.ports.process.promql());
    let plan = plan.map_err(|refusal| Unanswered::from(QueryError::Refused(refusal)))?;
    if plan.selectors().is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let read = move |ports: &crate::ports::Ports, _: &super::gate::Watch| {
        let views = plan.selectors();
        let selectors: Vec<&[Matcher]> = views.iter().map(|view| view.matchers).collect();
        Ok(ports.series.exemplars(&selectors, range)?)
    };
    let found = gate.read(&doorway, None, read).await?;
    Ok(success_of(list(found.into_iter().map(Shown::from)), Notes::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_are_written_as_the_api_does() {
        let labels = |name: &str, value: &str| Labels::new([(name, value)]).unwrap();
        let at = kernel::Timestamp::from_millis(1_600_096_945_479);
        let exemplars = vec![Exemplar { labels: labels("trace_id", "a"), value: 6e-9, at }];
        let shown = Shown::from(SeriesExemplars { labels: labels("job", "x"), exemplars });
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            r#"{"seriesLabels":{"job":"x"},"exemplars":[{"labels":{"trace_id":"a"},"value":"6e-09","timestamp":1600096945.479}]}"#
        );
    }
}
