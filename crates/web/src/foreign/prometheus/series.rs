//! Which series there are: their labels, the labels' names, and a label's values.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Extension, Router};
use kernel::Labels;
use promql::{Matcher, SeriesSource, SourceFault, TimeRange};

use super::answer::{Answered, Notes, Unanswered, list, success_of};
use super::gate::Gate;
use super::parameters::{Parameters, label_name};
use crate::access::Responder;
use crate::doors::Doorway;

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(values))
}

async fn series(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    if parameters.all("match[]").next().is_none() {
        return Err(Unanswered::bad_data("no match[] parameter provided"));
    }
    let (limit, range) = (parameters.limit()?, parameters.range()?);
    let selectors =
        parameters.selectors().map_err(|refused| Unanswered::parameter("match[]", refused.message))?;
    let read = move |ports: &crate::ports::Ports, _: &super::gate::Watch| {
        Ok(union(&selectors, |matchers| ports.series.series(matchers, range))?)
    };
    let found: Vec<Labels> = gate.read(&doorway, None, read).await?;
    Ok(shown(found, limit))
}

async fn labels(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    parameters: Parameters,
) -> Answered {
    let (limit, range, selectors) = (parameters.limit()?, parameters.range()?, parameters.selectors()?);
    let read = move |ports: &crate::ports::Ports, _: &super::gate::Watch| {
        Ok(any_or_union(&selectors, |matchers| ports.series.label_names(matchers, range))?)
    };
    Ok(shown(gate.read(&doorway, None, read).await?, limit))
}

async fn values(
    _: Responder,
    State(doorway): State<Doorway>,
    Extension(gate): Extension<Arc<Gate>>,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Answered {
    let name = label_name(&name)?;
    let (limit, range, selectors) = (parameters.limit()?, parameters.range()?, parameters.selectors()?);
    let read = move |ports: &crate::ports::Ports, _: &super::gate::Watch| {
        Ok(values_of(&*ports.series, &name, &selectors, range)?)
    };
    Ok(shown(gate.read(&doorway, None, read).await?, limit))
}

/// The values of a label in all series that match any of the selectors, or in all series.
fn values_of(
    source: &dyn SeriesSource,
    name: &str,
    selectors: &[Vec<Matcher>],
    range: TimeRange,
) -> Result<Vec<String>, SourceFault> {
    any_or_union(selectors, |matchers| source.label_values(name, matchers, range))
}

/// What a look-up gives without a selector, or for any of the selectors.
fn any_or_union<T: Ord>(
    selectors: &[Vec<Matcher>],
    look_up: impl Fn(&[Matcher]) -> Result<Vec<T>, SourceFault>,
) -> Result<Vec<T>, SourceFault> {
    if selectors.is_empty() { look_up(&[]) } else { union(selectors, look_up) }
}

/// What any of the selectors gives; sorted, each once.
fn union<T: Ord>(
    selectors: &[Vec<Matcher>],
    look_up: impl Fn(&[Matcher]) -> Result<Vec<T>, SourceFault>,
) -> Result<Vec<T>, SourceFault> {
    match selectors {
        [only] => look_up(only),
        several => {
            let mut all = BTreeSet::new();
            for matchers in several {
                all.extend(look_up(matchers)?);
            }
            Ok(all.into_iter().collect())
        }
    }
}

fn shown<T: serde::Serialize + Send + 'static>(
    mut found: Vec<T>,
    limit: Option<usize>,
) -> axum::response::Response {
    let is_truncated = limit.is_some_and(|limit| found.len() > limit);
    found.truncate(limit.unwrap_or(usize::MAX));
    success_of(list(found), Notes::truncated(is_truncated))
}
