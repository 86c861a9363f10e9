//! Who may come in.
//!
//! A caller shows a token (`Authorization: Bearer …`, or as the password of Basic authentication, which is what many
//! senders can), or a session cookie. Callers on loopback need nothing where the operator said so. A form that
//! changes something has to come from our own pages: its `Origin`, where the browser names one, must be ours.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kernel::Actor;

use crate::answer::Error;
use crate::doors::{Doors, Doorway};
use crate::ports::{Caller, Role};

/// The cookie of a session.
pub(crate) const SESSION_COOKIE: &str = "swan_session";

macro_rules! admitted {
    ($(#[$doc:meta])* $name:ident, $role:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Caller);

        impl FromRequestParts<Doorway> for $name {
            type Rejection = Error;
            async fn from_request_parts(parts: &mut Parts, doorway: &Doorway) -> Result<Self, Error> {
                admit(parts, doorway, $role).map(Self)
            }
        }
    };
}

admitted!(
    /// Somebody who may send samples, events, alerts and heartbeats.
    Sender,
    Role::Ingest
);
admitted!(
    /// Somebody who may look, and act in incidents and pages.
    Responder,
    Role::Responder
);
admitted!(
    /// Somebody who may do everything.
    Admin,
    Role::Admin
);

impl Sender {
    /// By which name what they send is counted and limited.
    pub(crate) fn source(&self) -> String {
        match &self.0.actor {
            Actor::Token(name) => format!("token/{name}"),
            Actor::Person(person) => format!("person/{person}"),
            Actor::Swan | Actor::Configuration => String::new(),
        }
    }
}

fn admit(parts: &Parts, doorway: &Doorway, needed: Role) -> Result<Caller, Error> {
    let caller = caller(parts, doorway)?;
    if caller.role < needed {
        let message = format!("this needs the role `{}`", role_word(needed));
        return Err(Error::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    Ok(caller)
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Ingest => "ingest",
        Role::Responder => "responder",
        Role::Admin => "admin",
    }
}

fn caller(parts: &Parts, doorway: &Doorway) -> Result<Caller, Error> {
    let directory = &doorway.ports.directory;
    if let Some(token) = token(&parts.headers) {
        let known = directory.token(&token)?;
        return known
            .ok_or_else(|| Error::new(StatusCode::UNAUTHORIZED, "unknown_token", "nobody has this token"));
    }
    if let Some(cookie) = cookie(&parts.headers, SESSION_COOKIE)
        && let Some(caller) = directory.session(cookie)?
    {
        from_our_pages(parts, doorway)?;
        return Ok(caller);
    }
    if doorway.doors.trust_loopback && is_loopback(parts) {
        from_our_pages(parts, doorway)?;
        return Ok(Caller { actor: Actor::Token("loopback".to_owned()), role: Role::Admin });
    }
    let error = Error::new(StatusCode::UNAUTHORIZED, "no_credentials", "this needs a token or a session");
    Err(error.with_hint(
        "send `Authorization: Bearer TOKEN`; `admin.token` in the data directory is the first one",
    ))
}

fn is_loopback(parts: &Parts) -> bool {
    let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    // A proxy on this machine speaks for callers elsewhere, so whatever names a proxy is not loopback.
    let proxied = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    from.is_some_and(|ConnectInfo(address)| address.ip().is_loopback())
        && !proxied.iter().any(|name| parts.headers.contains_key(*name))
}

/// Whether a form comes from our own pages, as far as the browser says.
pub(crate) fn is_from_our_pages(headers: &HeaderMap, doors: &Doors) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or("null");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let bare = origin.split_once("://").map(|(_, rest)| rest);
    (bare.is_some() && bare == host) || origin == doors.public_url.trim_end_matches('/')
}

/// Refuses what another site made a browser send along with a person's cookie, or from their machine.
fn from_our_pages(parts: &Parts, doorway: &Doorway) -> Result<(), Error> {
    if parts.method == Method::GET || parts.method == Method::HEAD {
        return Ok(());
    }
    if is_from_our_pages(&parts.headers, &doorway.doors) {
        return Ok(());
    }
    Err(Error::new(StatusCode::FORBIDDEN, "foreign_origin", "this form is not one of our pages'"))
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64.decode(rest.trim()).ok()?).ok()?;
        return Some(decoded.split_once(':')?.1.to_owned());
    }
    None
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
