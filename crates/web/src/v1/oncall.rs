//! Pages and who is on call.

use axum::Json;
use axum::extract::State;
use engine::World;
use facts::Stream;
use facts::oncall::{PageEnd, Via};
use kernel::{OverrideId, PageId, PersonId, RotationId, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, id};
use super::shapes::{DoneAnswer, ShownEntry};
use crate::access::Responder;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;
use crate::limits::{ROWS_MAX, TIMELINE_ENTRIES_MAX};

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(pages))
        .routes(routes!(page))
        .routes(routes!(acknowledge))
        .routes(routes!(escalate))
        .routes(routes!(resolve))
        .routes(routes!(on_call))
        .routes(routes!(add_override))
        .routes(routes!(remove_override))
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownPage {
    #[schema(value_type = String)]
    pub(crate) id: PageId,
    pub(crate) title: String,
    #[schema(value_type = Option<String>)]
    pub(crate) service: Option<ServiceId>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) opened_at: Timestamp,
    /// `walking`, `acknowledged`, `exhausted` (it starts again) or `over`.
    pub(crate) state: &'static str,
    /// Who acknowledged it.
    pub(crate) acknowledged_by: Option<String>,
    /// What happens next, when, and why.
    pub(crate) next: Option<String>,
    /// Who was notified in the step that it is at.
    #[schema(value_type = Vec<String>)]
    pub(crate) responders: Vec<PersonId>,
}

pub(crate) fn shown_pages(world: &World) -> Vec<ShownPage> {
    let open = world.oncall.open_pages().map(|page| {
        let acknowledged_by = page.acknowledged.as_ref().map(|taken| taken.by.to_string());
        let state = match (&acknowledged_by, page.exhausted_at) {
            (Some(_), _) => "acknowledged",
            (None, Some(_)) => "exhausted",
            (None, None) => "walking",
        };
        ShownPage {
            id: page.id,
            title: page.title.clone(),
            service: page.service.clone(),
            opened_at: page.opened_at,
            state,
            acknowledged_by,
            next: page.next_move().map(|(at, next)| next_in_words(at, &next)),
            responders: page
                .step
                .iter()
                .flat_map(|step| &step.responders)
                .map(|r| r.person.clone())
                .collect(),
        }
    });
    let over = world.oncall.closed_pages().map(|header| ShownPage {
        id: header.id,
        title: header.title.clone(),
        service: header.service.clone(),
        opened_at: header.opened_at,
        state: "over",
        acknowledged_by: header.acknowledged.as_ref().map(|taken| taken.by.to_string()),
        next: None,
        responders: Vec::new(),
    });
    open.chain(over).take(ROWS_MAX).collect()
}

/// What happens to a page next, and why.
fn next_in_words(at: Timestamp, next: &oncall::NextMove) -> String {
    match next {
        oncall::NextMove::Step(position) => {
            format!("goes to step {} at {at} unless somebody acknowledges", position.step + 1)
        }
        oncall::NextMove::Exhausted => format!("its policy ends at {at} unless somebody acknowledges"),
        oncall::NextMove::StartsAgain(_) => format!("starts again at {at}, because nobody acknowledged"),
    }
}

/// Pages: the open ones, then those that are over, newest first.
#[utoipa::path(get, path = "/v1/pages", tag = "page", responses((status = 200, body = Vec<ShownPage>)))]
async fn pages(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownPage>>> {
    doorway.view(shown_pages).await.map(Json)
}

/// A page with everything that happened to it.
#[derive(Debug, Serialize, ToSchema)]
struct PageStory {
    page: ShownPage,
    /// Oldest first: steps, notifications with their receipts, acknowledgement.
    timeline: Vec<ShownEntry>,
}

/// A page with everything that happened to it.
#[utoipa::path(get, path = "/v1/pages/{page}", tag = "page", params(("page" = String, Path)),
    responses((status = 200, body = PageStory), (status = 404, body = ErrorBody)))]
async fn page(
    _: Responder,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
) -> Result<Json<PageStory>> {
    let page: PageId = id(&page)?;
    let found =
        doorway.view(move |world| shown_pages(world).into_iter().find(|shown| shown.id == page)).await?;
    let found = found.ok_or_else(|| Error::not_found(format!("page `{page}`")))?;
    let timeline = story_of_page(&doorway, page).await?.into_iter().map(Into::into).collect();
    Ok(Json(PageStory { page: found, timeline }))
}

/// A page's entries and those of its notifications.
pub(crate) async fn story_of_page(doorway: &Doorway, page: PageId) -> Result<Vec<facts::Entry>> {
    let read = doorway.blocking(move |ports| {
        let own = ports.journal.streams(&[Stream::of(page)], TIMELINE_ENTRIES_MAX)?;
        let mut streams: Vec<Stream> = engine::views::streams_of_page(&own).into_iter().collect();
        streams.push(Stream::of(page));
        ports.journal.streams(&streams, TIMELINE_ENTRIES_MAX)
    });
    Ok(read.await??)
}

/// Take a page: nobody else is notified. Repeating it is harmless.
#[utoipa::path(post, path = "/v1/pages/{page}/acknowledge", tag = "page", params(("page" = String, Path)),
    responses((status = 200, body = super::shapes::Done)))]
async fn acknowledge(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
) -> DoneAnswer {
    let command = oncall::Command::AcknowledgePage { page: id(&page)?, via: Via::Api };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Why a page is passed on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Escalation {
    #[serde(default)]
    reason: String,
}

/// Pass a page on to its next step at once.
#[utoipa::path(post, path = "/v1/pages/{page}/escalate", tag = "page", params(("page" = String, Path)),
    request_body = Escalation, responses((status = 200, body = super::shapes::Done)))]
async fn escalate(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
    Asked(body): Asked<Escalation>,
) -> DoneAnswer {
    let command = oncall::Command::EscalatePage { page: id(&page)?, reason: body.reason };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Close a page by hand.
#[utoipa::path(post, path = "/v1/pages/{page}/resolve", operation_id = "resolve_page", tag = "page", params(("page" = String, Path)),
    responses((status = 200, body = super::shapes::Done)))]
async fn resolve(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(page): Path<String>,
) -> DoneAnswer {
    let command = oncall::Command::ResolvePage { page: id(&page)?, reason: PageEnd::ClosedByHand };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Who is on call in a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownDuty {
    #[schema(value_type = String)]
    pub(crate) rotation: RotationId,
    #[schema(value_type = Option<String>)]
    pub(crate) person: Option<PersonId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub(crate) next: Option<PersonId>,
}

pub(crate) fn shown_duties(world: &World, now: Timestamp) -> Vec<ShownDuty> {
    let duties = world.oncall.who(now).into_iter();
    duties
        .map(|duty| ShownDuty {
            rotation: duty.rotation,
            person: duty.person.map(|(person, _)| person),
            until: duty.until,
            next: duty.next,
        })
        .collect()
}

/// Who is on call now, until when, and who is next.
#[utoipa::path(get, path = "/v1/oncall", tag = "page", responses((status = 200, body = Vec<ShownDuty>)))]
async fn on_call(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownDuty>>> {
    let now = doorway.now();
    doorway.view(move |world| shown_duties(world, now)).await.map(Json)
}

/// Somebody takes another's place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOverride {
    #[schema(value_type = String)]
    person: PersonId,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Let somebody take another's place in a rotation for a while.
#[utoipa::path(post, path = "/v1/rotations/{rotation}/overrides", tag = "page", params(("rotation" = String, Path)),
    request_body = NewOverride, responses((status = 200, body = super::shapes::Done)))]
async fn add_override(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(rotation): Path<String>,
    Asked(body): Asked<NewOverride>,
) -> DoneAnswer {
    let NewOverride { person, from, until } = body;
    let command = oncall::Command::AddOverride { rotation: RotationId::new(rotation), person, from, until };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Take an override back.
#[utoipa::path(delete, path = "/v1/overrides/{override}", tag = "page", params(("override" = String, Path)),
    responses((status = 200, body = super::shapes::Done)))]
async fn remove_override(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(exception): Path<String>,
) -> DoneAnswer {
    let exception: OverrideId = id(&exception)?;
    Ok(Json(doorway.submit(caller.actor, oncall::Command::RemoveOverride { id: exception }).await?.into()))
}
