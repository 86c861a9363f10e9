//! Post-mortems and actions.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engine::World;
use facts::learning::{ActionPriority, Section};
use kernel::{ActionId, IncidentId, PersonId, PostMortemId, ServiceId, Timestamp, WhyId};
use learning::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, id};
use super::incidents::story_of_incident;
use super::reviews::{ShownAction, WholePostMortem};
use super::shapes::DoneAnswer;
use crate::access::Responder;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;
use crate::limits::ROWS_MAX;

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(post_mortem))
        .routes(routes!(markdown))
        .routes(routes!(write_section))
        .routes(routes!(add_why))
        .routes(routes!(accept_risk))
        .routes(routes!(record_judgement))
        .routes(routes!(add_action))
        .routes(routes!(complete))
        .routes(routes!(actions))
        .routes(routes!(finish_action))
}

/// A review, in a line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownPostMortem {
    #[schema(value_type = String)]
    pub(crate) id: PostMortemId,
    #[schema(value_type = String)]
    pub(crate) incident: IncidentId,
    #[schema(value_type = String)]
    pub(crate) service: ServiceId,
    pub(crate) title: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) drafted_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) completed_at: Option<Timestamp>,
}

pub(crate) fn shown_post_mortems(world: &World) -> Vec<ShownPostMortem> {
    let all = world.learning.reviews().take(ROWS_MAX);
    all.map(|review| ShownPostMortem {
        id: review.id,
        incident: review.incident,
        service: review.service.clone(),
        title: review.title.clone(),
        drafted_at: review.drafted_at,
        completed_at: review.completed_at,
    })
    .collect()
}

/// Post-mortems, newest first.
#[utoipa::path(get, path = "/v1/post-mortems", operation_id = "post_mortems", tag = "learn", responses((status = 200, body = Vec<ShownPostMortem>)))]
async fn list(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownPostMortem>>> {
    doorway.view(shown_post_mortems).await.map(Json)
}

/// A post-mortem whole: impact, sections, whys, judgements, actions.
#[utoipa::path(get, path = "/v1/post-mortems/{post_mortem}", tag = "learn", params(("post_mortem" = String, Path)),
    responses((status = 200, body = WholePostMortem), (status = 404, body = ErrorBody)))]
async fn post_mortem(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
) -> Result<Json<WholePostMortem>> {
    let post_mortem: PostMortemId = id(&post_mortem)?;
    let whole = move |world: &World| {
        world.learning.review(post_mortem).map(|review| WholePostMortem::of(world, review))
    };
    let missing = || Error::not_found(format!("post-mortem `{post_mortem}`"));
    doorway.view(whole).await?.map(Json).ok_or_else(missing)
}

/// A post-mortem as Markdown, with the timeline from the journal.
#[utoipa::path(get, path = "/v1/post-mortems/{post_mortem}/markdown", tag = "learn",
    params(("post_mortem" = String, Path)),
    responses((status = 200, body = String, content_type = "text/markdown"), (status = 404, body = ErrorBody)))]
async fn markdown(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
) -> Result<Response> {
    let text = post_mortem_markdown(&doorway, id(&post_mortem)?).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

pub(crate) async fn post_mortem_markdown(doorway: &Doorway, post_mortem: PostMortemId) -> Result<String> {
    let missing = || Error::not_found(format!("post-mortem `{post_mortem}`"));
    let find = move |world: &World| world.learning.review(post_mortem).map(|review| review.incident);
    let incident = doorway.view(find).await?.ok_or_else(missing)?;
    let entries = story_of_incident(doorway, incident).await?;
    let render = move |world: &World| engine::views::post_mortem_markdown(world, post_mortem, entries);
    doorway.view(render).await?.ok_or_else(missing)
}

/// A section's prose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSection {
    /// `summary`, `detection`, `recovery`, `went_well` or `went_badly`.
    #[schema(value_type = String)]
    section: Section,
    text: String,
}

/// Write a section.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/sections", tag = "learn",
    params(("post_mortem" = String, Path)), request_body = NewSection,
    responses((status = 200, body = super::shapes::Done)))]
async fn write_section(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
    Asked(body): Asked<NewSection>,
) -> DoneAnswer {
    let NewSection { section, text } = body;
    let command = Command::WriteSection { post_mortem: id(&post_mortem)?, section, text };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// An answer in the tree.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWhy {
    /// The answer that it explains; none at the root.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    parent: Option<WhyId>,
    text: String,
}

/// Ask and answer a why.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/whys", tag = "learn",
    params(("post_mortem" = String, Path)), request_body = NewWhy,
    responses((status = 200, body = super::shapes::Done)))]
async fn add_why(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
    Asked(body): Asked<NewWhy>,
) -> DoneAnswer {
    let NewWhy { parent, text } = body;
    let command = Command::AddWhy { post_mortem: id(&post_mortem)?, parent, text };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Why a risk is accepted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    reason: String,
}

/// End a leaf by accepting the risk.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/whys/{why}/accept", tag = "learn",
    params(("post_mortem" = String, Path), ("why" = String, Path)), request_body = Acceptance,
    responses((status = 200, body = super::shapes::Done)))]
async fn accept_risk(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path((post_mortem, why)): Path<(String, String)>,
    Asked(body): Asked<Acceptance>,
) -> DoneAnswer {
    let (post_mortem, why) = (id(&post_mortem)?, id(&why)?);
    let command = Command::AcceptRisk { post_mortem, why, reason: body.reason };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// A judgement that a person made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewJudgement {
    text: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    person: Option<PersonId>,
}

/// Record a judgement that a person made, and that a system might make.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/judgements", tag = "learn",
    params(("post_mortem" = String, Path)), request_body = NewJudgement,
    responses((status = 200, body = super::shapes::Done)))]
async fn record_judgement(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
    Asked(body): Asked<NewJudgement>,
) -> DoneAnswer {
    let NewJudgement { text, person } = body;
    let command = Command::RecordJudgement { post_mortem: id(&post_mortem)?, text, person };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Something to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAction {
    /// The leaf that it answers.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    why: Option<WhyId>,
    title: String,
    /// `high`, `medium` or `low`.
    #[schema(value_type = String)]
    priority: ActionPriority,
    #[schema(value_type = String)]
    owner: PersonId,
    #[schema(value_type = String, format = DateTime)]
    due: Timestamp,
}

/// Add an action.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/actions", tag = "learn",
    params(("post_mortem" = String, Path)), request_body = NewAction,
    responses((status = 200, body = super::shapes::Done)))]
async fn add_action(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
    Asked(body): Asked<NewAction>,
) -> DoneAnswer {
    let NewAction { why, title, priority, owner, due } = body;
    let command = Command::AddAction { post_mortem: id(&post_mortem)?, why, title, priority, owner, due };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Complete a review. Refused while a leaf ends in neither an action nor an accepted risk.
#[utoipa::path(post, path = "/v1/post-mortems/{post_mortem}/complete", tag = "learn",
    params(("post_mortem" = String, Path)),
    responses((status = 200, body = super::shapes::Done)))]
async fn complete(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(post_mortem): Path<String>,
) -> DoneAnswer {
    let command = Command::CompletePostMortem { post_mortem: id(&post_mortem)? };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Actions of all reviews, oldest first.
#[utoipa::path(get, path = "/v1/actions", tag = "learn", responses((status = 200, body = Vec<ShownAction>)))]
async fn actions(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownAction>>> {
    let list = |world: &World| world.learning.actions().take(ROWS_MAX).map(ShownAction::from).collect();
    doorway.view(list).await.map(Json)
}

/// What came of an action.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActionOutcome {
    outcome: String,
}

/// Say that an action is done.
#[utoipa::path(post, path = "/v1/actions/{action}/finish", tag = "learn", params(("action" = String, Path)),
    request_body = ActionOutcome,
    responses((status = 200, body = super::shapes::Done)))]
async fn finish_action(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(action): Path<String>,
    Asked(body): Asked<ActionOutcome>,
) -> DoneAnswer {
    let action: ActionId = id(&action)?;
    let command = Command::FinishAction { action, outcome: body.outcome };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}
