//! Expressions: evaluated at one instant or over a range, written in their usual form, or taken apart.
//!
//! Parameters are judged in Prometheus's order, so that a request with two faults is told of the same one.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use kernel::{Labels, Span, Timestamp};
use promql::{Answer, Engine, Plan, QueryError, QueryResult, Settings, TimeRange, Value, When};
use std::sync::Arc;
use tokio::time::Instant;

use super::answer::{Answered, Kind, Notes, Unanswered, success, success_of, write_json};
use super::gate::Gate;
use super::parameters::Parameters;
use crate::access::Responder;
use crate::doors::Doorway;

/// Points per series that a range may ask for.
const RESOLUTION_MAX: i64 = 11_000;
/// Samples of a vector that are written at once.
const SAMPLES_PER_PIECE: usize = 256;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/format_query", get(format_query).post(format_query))
        .route("/api/v1/parse_query", get(parse_query).post(parse_query))
}

async fn query(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    let limit = parameters.limit()?;
    let at = parameters.instant("time", doorway.now())?;
    Asked::read(parameters, doorway.ports.process.promql(), limit, When::Instant(at))?
        .answer(&doorway, &gate)
        .await
}

async fn query_range(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    let limit = parameters.limit()?;
    let (start, end) = (parameters.needed_instant("start")?, parameters.needed_instant("end")?);
    if end < start {
        return Err(Unanswered::parameter("end", "end timestamp must not be before start time"));
    }
    let no_step = || Unanswered::parameter("step", "cannot parse \"\" to a valid duration");
    let step = parameters.span("step")?.ok_or_else(no_step)?;
    if step <= Span::ZERO {
        let problem =
            "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Unanswered::parameter("step", problem));
    }
    if (end - start).as_millis() / step.as_millis() > RESOLUTION_MAX {
        let problem = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(Unanswered::bad_data(problem));
    }
    let when = When::Range { range: TimeRange::new(start, end), step };
    Asked::read(parameters, doorway.ports.process.promql(), limit, when)?.answer(&doorway, &gate).await
}

async fn format_query(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    Ok(success(&parse(&parameters, doorway.ports.process.promql())?.format()))
}

async fn parse_query(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let mut tree = Vec::new();
    parse(&parameters, doorway.ports.process.promql())?.write_tree_json(&mut tree);
    Ok(success_of(std::iter::once(tree), Notes::default()))
}

/// A query with everything that it is asked with.
struct Asked {
    plan: Plan,
    engine: Engine,
    when: When,
    timeout: Option<Span>,
    limit: Option<usize>,
    stats: Option<String>,
    prepared_in: Duration,
}

impl Asked {
    fn read(
        parameters: Parameters,
        settings: Settings,
        limit: Option<usize>,
        when: When,
    ) -> Result<Self, Unanswered> {
        let timeout = parameters.span("timeout")?;
        let mut engine = Engine::default();
        let lookback = parameters.span("lookback_delta").map_err(|refused| {
            let problem = refused.message.split_once(": ").map_or("", |(_, problem)| problem);
            Unanswered::bad_data(format!("error parsing lookback delta duration: {problem}"))
        })?;
        // None at all, and 0, mean the usual one.
        if let Some(lookback) = lookback.filter(|lookback| *lookback > Span::ZERO) {
            engine.lookback = lookback;
        }
        let begun = Instant::now();
        let plan = parse(&parameters, settings)?;
        let stats = parameters.get("stats").map(str::to_owned);
        Ok(Self { plan, engine, when, timeout, limit, stats, prepared_in: begun.elapsed() })
    }

    async fn answer(self, doorway: &Doorway, gate: &Gate) -> Answered {
        let asked_at = Instant::now();
        let Self { plan, engine, when, timeout, limit, stats, prepared_in } = self;
        let evaluate = move |ports: &crate::ports::Ports, watch: &super::gate::Watch| {
            let begun = Instant::now();
            let answer = engine.answer(&plan, &*ports.series, when, &|| watch.is_over())?;
            let timings =
                Timings { prepared: prepared_in, waited: begun - asked_at, evaluated: begun.elapsed() };
            Ok((answer, timings, plan))
        };
        let (answer, timings, plan) = gate.read(doorway, timeout, evaluate).await?;
        let Answer { mut result, annotations } = answer;
        let mut notes =
            Notes { warnings: annotations.warnings(plan.text()), infos: annotations.infos(plan.text()) };
        if let Some(limit) = limit
            && truncate(&mut result, limit)
        {
            notes.warnings.push("results truncated due to limit".to_owned());
        }
        let mut end = Vec::new();
        if let Some(stats) = stats {
            notes.warnings.extend(deprecated(&stats));
            end.extend_from_slice(b",\"stats\":");
            write_json(&mut end, &timings.json());
        }
        end.push(b'}');
        Ok(success_of(written(result).chain(std::iter::once(end)), notes))
    }
}

fn parse(parameters: &Parameters, settings: Settings) -> Result<Plan, Unanswered> {
    let plan = Plan::parse_with(parameters.get("query").unwrap_or(""), settings);
    plan.map_err(|refusal| {
        let unanswered = Unanswered::from(QueryError::Refused(refusal));
        if unanswered.kind == Kind::BadData {
            Unanswered::parameter("query", unanswered.message)
        } else {
            unanswered
        }
    })
}

/// Keeps the first series; true where there were more.
fn truncate(result: &mut QueryResult, limit: usize) -> bool {
    let length = match result {
        QueryResult::Vector(samples) => samples.len(),
        QueryResult::Matrix(series) => series.len(),
        QueryResult::Scalar(..) | QueryResult::String(..) => return false,
    };
    match result {
        QueryResult::Vector(samples) => samples.truncate(limit),
        QueryResult::Matrix(series) => series.truncate(limit),
        QueryResult::Scalar(..) | QueryResult::String(..) => {}
    }
    length > limit
}

fn deprecated(stats: &str) -> Option<String> {
    let is_known = matches!(stats, "true" | "all");
    (!is_known).then(|| {
        format!(
            "value {stats:?} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\""
        )
    })
}

/// How long a query took, in the parts that Prometheus has.
struct Timings {
    prepared: Duration,
    waited: Duration,
    evaluated: Duration,
}

impl Timings {
    fn json(&self) -> serde_json::Value {
        let total = self.waited + self.evaluated;
        serde_json::json!({ "timings": {
            "evalTotalTime": self.evaluated.as_secs_f64(),
            // Results come sorted out of the evaluation, which is one pass over the samples.
            "resultSortTime": 0.0,
            "queryPreparationTime": self.prepared.as_secs_f64(),
            "innerEvalTime": self.evaluated.as_secs_f64(),
            "execQueueTime": self.waited.as_secs_f64(),
            "execTotalTime": total.as_secs_f64(),
        } })
    }
}

type Piece = Vec<u8>;

/// The `data` of a query's answer up to its closing brace, series by series.
fn written(result: QueryResult) -> Box<dyn Iterator<Item = Piece> + Send> {
    match result {
        QueryResult::Matrix(all) => {
            let series = all.into_iter().enumerate().map(|(place, points)| {
                let mut piece = comma(place);
                points.write_json(&mut piece);
                piece
            });
            Box::new(around("matrix", series))
        }
        QueryResult::Vector(samples) => Box::new(around("vector", vector(samples))),
        other => {
            let mut piece = Vec::new();
            other.write_json(&mut piece);
            piece.pop();
            Box::new(std::iter::once(piece))
        }
    }
}

fn around(kind: &str, series: impl Iterator<Item = Piece>) -> impl Iterator<Item = Piece> {
    let begin = format!(r#"{{"resultType":"{kind}","result":["#).into_bytes();
    std::iter::once(begin).chain(series).chain(std::iter::once(b"]".to_vec()))
}

fn comma(place: usize) -> Piece {
    if place == 0 { Vec::new() } else { vec![b','] }
}

/// The samples of a vector, each as the engine writes it, some at a time.
fn vector(samples: Vec<(Labels, Timestamp, Value)>) -> impl Iterator<Item = Piece> {
    let mut samples = samples.into_iter();
    let mut place = 0;
    std::iter::from_fn(move || {
        let some: Vec<_> = samples.by_ref().take(SAMPLES_PER_PIECE).collect();
        if some.is_empty() {
            return None;
        }
        let mut piece = comma(place);
        place += some.len();
        let mut whole = Vec::new();
        QueryResult::Vector(some).write_json(&mut whole);
        let around = br#"{"resultType":"vector","result":["#.len();
        piece.extend_from_slice(&whole[around..whole.len() - b"]}".len()]);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: QueryResult) -> String {
        String::from_utf8(written(result).flatten().chain([b'}']).collect()).unwrap()
    }

    #[test]
    fn a_result_in_pieces_is_the_result() {
        let at = Timestamp::from_millis(1500);
        let sample = |number: usize| {
            let labels = Labels::new([("n", number.to_string())]).unwrap();
            (labels, at, Value::Float(number as f64))
        };
        for length in [0, 1, SAMPLES_PER_PIECE, 3 * SAMPLES_PER_PIECE + 1] {
            let result = QueryResult::Vector((0..length).map(sample).collect());
            let mut whole = Vec::new();
            result.write_json(&mut whole);
            assert_eq!(text(result), String::from_utf8(whole).unwrap());
        }
        let points = promql::Points { floats: vec![(at, 1.0)], ..Default::default() };
        for result in [
            QueryResult::Matrix(vec![points.clone(), points]),
            QueryResult::Matrix(vec![]),
            QueryResult::Scalar(at, 2.5),
            QueryResult::String(at, "}".into()),
        ] {
            let mut whole = Vec::new();
            result.write_json(&mut whole);
            assert_eq!(text(result), String::from_utf8(whole).unwrap());
        }
    }
}
