//! Credentials: tokens of programs, passwords of people. An administrator hands them out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::PersonId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Path};
use crate::access::Admin;
use crate::answer::{Error, ErrorBody, Result};
use crate::doors::Doorway;
use crate::ports::Role;

pub(super) fn routes() -> OpenApiRouter<Doorway> {
    OpenApiRouter::new()
        .routes(routes!(create_token))
        .routes(routes!(revoke_token))
        .routes(routes!(set_password))
}

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// By which facts know whoever presents it.
    name: String,
    /// `ingest`, `responder` or `admin`.
    #[schema(value_type = String)]
    role: Role,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    name: String,
    /// Shown once; only its hash is kept.
    token: String,
}

/// Make a token for a program.
#[utoipa::path(post, path = "/v1/tokens", tag = "system", request_body = NewToken,
    responses((status = 200, body = MadeToken), (status = 409, body = ErrorBody)))]
async fn create_token(
    _: Admin,
    State(doorway): State<Doorway>,
    Asked(NewToken { name, role }): Asked<NewToken>,
) -> Result<Json<MadeToken>> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::bad_request(format!("a token's name has 1 to {NAME_BYTES_MAX} bytes")));
    }
    let wanted = name.clone();
    let token = doorway.blocking(move |ports| ports.directory.create_token(&wanted, role)).await??;
    Ok(Json(MadeToken { name, token }))
}

/// Longest name of a token.
const NAME_BYTES_MAX: usize = 100;

/// Take a token back.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "system", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
async fn revoke_token(
    _: Admin,
    State(doorway): State<Doorway>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    let wanted = name.clone();
    let revoked = doorway.blocking(move |ports| ports.directory.revoke_token(&wanted)).await??;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(Error::not_found(format!("token `{name}`"))) }
}

/// A password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
}

/// Set a person's password, with which they sign in to the pages.
#[utoipa::path(post, path = "/v1/people/{person}/password", tag = "system", params(("person" = String, Path)),
    request_body = NewPassword,
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn set_password(
    _: Admin,
    State(doorway): State<Doorway>,
    Path(person): Path<String>,
    Asked(body): Asked<NewPassword>,
) -> Result<StatusCode> {
    let person = PersonId::new(person);
    let wanted = person.clone();
    let known =
        doorway.view(move |world| world.configuration().is_some_and(|c| c.people.contains_key(&wanted)));
    if !known.await? {
        return Err(Error::not_found(format!("person `{person}`")));
    }
    doorway.blocking(move |ports| ports.directory.set_password(&person, &body.password)).await??;
    Ok(StatusCode::NO_CONTENT)
}
