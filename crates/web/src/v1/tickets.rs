//! Tickets.

use axum::Json;
use axum::extract::State;
use engine::World;
use incidents::Command;
use kernel::{PersonId, ServiceId, TicketId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path, id};
use super::shapes::{DoneAnswer, Somebody, Text};
use crate::access::Responder;
use crate::answer::Result;
use crate::doors::Doorway;
use crate::limits::ROWS_MAX;

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new().routes(routes!(tickets)).routes(routes!(assign_ticket)).routes(routes!(close_ticket))
}

/// An operations issue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownTicket {
    #[schema(value_type = String)]
    pub(crate) id: TicketId,
    #[schema(value_type = Option<String>)]
    pub(crate) service: Option<ServiceId>,
    pub(crate) title: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) due: Timestamp,
    pub(crate) overdue: bool,
    #[schema(value_type = Option<String>)]
    pub(crate) owner: Option<PersonId>,
    /// How it was dealt with.
    pub(crate) resolution: Option<String>,
}

pub(crate) fn shown_tickets(world: &World) -> Vec<ShownTicket> {
    let all = world.incidents.tickets().chain(world.incidents.closed_tickets());
    all.take(ROWS_MAX)
        .map(|ticket| ShownTicket {
            id: ticket.id,
            service: ticket.service.clone(),
            title: ticket.title.clone(),
            due: ticket.due,
            overdue: ticket.overdue,
            owner: ticket.owner.clone(),
            resolution: ticket.closed.as_ref().map(|(_, text)| text.clone()),
        })
        .collect()
}

/// Tickets: the open ones, then those that were dealt with.
#[utoipa::path(get, path = "/v1/tickets", tag = "respond", responses((status = 200, body = Vec<ShownTicket>)))]
async fn tickets(_: Responder, State(doorway): State<Doorway>) -> Result<Json<Vec<ShownTicket>>> {
    doorway.view(shown_tickets).await.map(Json)
}

/// Let somebody own a ticket.
#[utoipa::path(post, path = "/v1/tickets/{ticket}/owner", tag = "respond", params(("ticket" = String, Path)),
    request_body = Somebody, responses((status = 200, body = super::shapes::Done)))]
async fn assign_ticket(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(ticket): Path<String>,
    Asked(body): Asked<Somebody>,
) -> DoneAnswer {
    let command = Command::AssignTicket { ticket: id(&ticket)?, person: body.person };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}

/// Close a ticket.
#[utoipa::path(post, path = "/v1/tickets/{ticket}/close", tag = "respond", params(("ticket" = String, Path)),
    request_body = Text, responses((status = 200, body = super::shapes::Done)))]
async fn close_ticket(
    Responder(caller): Responder,
    State(doorway): State<Doorway>,
    Path(ticket): Path<String>,
    Asked(body): Asked<Text>,
) -> DoneAnswer {
    let command = Command::CloseTicket { ticket: id(&ticket)?, resolution: body.text };
    Ok(Json(doorway.submit(caller.actor, command).await?.into()))
}
