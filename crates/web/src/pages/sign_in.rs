//! Signing in and out.
//!
//! A wrong password is counted for its name before it is checked, so that many at once are not better than one after
//! the other; after [`SIGN_IN_FAILURES_MAX`] of them the name waits until a quarter of an hour after the first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use kernel::{PersonId, Span, Timestamp};
use serde::Deserialize;

use super::form::Filled;
use super::limits::NAMES_WATCHED_MAX;
use super::shell::{Answer, Notice, SignedIn, html, see_other};
use super::words::length;
use crate::access::{SESSION_COOKIE, cookie, is_from_our_pages};
use crate::answer::{Error, Result};
use crate::doors::Doorway;
use crate::limits::SIGN_IN_FAILURES_MAX;

/// For how long a wrong password counts.
const FAILURES_COUNT_FOR: Span = Span::from_mins(15);
/// How long a browser keeps the cookie; the directory may end the session earlier.
const COOKIE_LASTS: Span = Span::from_days(14);

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/signin", get(look).post(sign_in))
        .route("/signout", post(sign_out))
        .layer(Extension(Arc::new(Failures::default())))
}

/// Where to go once signed in.
#[derive(Debug, Deserialize)]
struct Look {
    #[serde(default)]
    next: String,
}

async fn look(Query(look): Query<Look>) -> Response {
    page(look.next, String::new(), None)
}

#[derive(Template)]
#[template(path = "sign_in.html", whitespace = "minimize")]
struct SignInPage {
    next: String,
    person: String,
    notice: Option<Notice>,
}

fn page(next: String, person: String, notice: Option<Notice>) -> Response {
    let status = notice.as_ref().map_or(StatusCode::OK, |notice| notice.status);
    html(status, &SignInPage { next, person, notice })
}

/// Who somebody says they are.
#[derive(Deserialize)]
struct Credentials {
    person: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(doorway): State<Doorway>,
    Extension(failures): Extension<Arc<Failures>>,
    headers: HeaderMap,
    Filled(credentials): Filled<Credentials>,
) -> Answer {
    if !is_from_our_pages(&headers, &doorway.doors) {
        let error = Error::new(StatusCode::FORBIDDEN, "foreign_origin", "this form is not one of our pages'");
        return Err(error.into());
    }
    let Credentials { person, password, next } = credentials;
    let name = PersonId::new(person.trim());
    match open_session(&doorway, &failures, name.clone(), password).await {
        Ok(session) => {
            let mut response = see_other(own_path(&next));
            let cookie = session_cookie(&doorway, &session, COOKIE_LASTS);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => {
            let retry_after = error.status == StatusCode::TOO_MANY_REQUESTS;
            let mut response = page(next, name.to_string(), Some(Notice::new(error, None)));
            if retry_after {
                let seconds = HeaderValue::from(FAILURES_COUNT_FOR.as_millis() / 1000);
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            Ok(response)
        }
    }
}

async fn open_session(
    doorway: &Doorway,
    failures: &Failures,
    name: PersonId,
    password: String,
) -> Result<String> {
    let asked = name.clone();
    let is_known = move |world: &engine::World| {
        world.configuration().is_some_and(|configuration| configuration.people.contains_key(&asked))
    };
    let counted = doorway.view(is_known).await?.then(|| name.clone());
    let now = doorway.now();
    if let Err(until) = failures.count(counted.as_ref(), now) {
        let sentence = format!("too many wrong passwords for `{name}`");
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_passwords", sentence);
        return Err(error.with_hint(format!("wait {}, then try again", length(until - now))));
    }
    let opened = doorway.blocking(move |ports| ports.directory.sign_in(&name, &password)).await?;
    match opened {
        Ok(Some(session)) => {
            failures.forget(counted.as_ref());
            Ok(session)
        }
        Ok(None) => {
            Err(Error::new(StatusCode::FORBIDDEN, "wrong_password", "the name or the password is wrong")
                .with_hint("passwords are set by whoever runs this server"))
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Only a path of our own: anything else would let a link send people elsewhere once they have signed in.
fn own_path(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path && is_plain { next } else { "/" }
}

fn session_cookie(doorway: &Doorway, value: &str, lasts: Span) -> HeaderValue {
    let secure = if doorway.doors.public_url.starts_with("https:") { "; Secure" } else { "" };
    let seconds = lasts.as_millis() / 1000;
    let text = format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).expect("a session's value is made of letters and digits")
}

async fn sign_out(_: SignedIn, State(doorway): State<Doorway>, headers: HeaderMap) -> Answer {
    if let Some(session) = cookie(&headers, SESSION_COOKIE) {
        doorway.ports.directory.sign_out(session).map_err(Error::from)?;
    }
    let mut response = see_other("/signin");
    response.headers_mut().append(header::SET_COOKIE, session_cookie(&doorway, "", Span::ZERO));
    Ok(response)
}

/// Wrong passwords by name; names that the configuration does not know are counted together.
#[derive(Debug, Default)]
struct Failures(Mutex<BTreeMap<Option<PersonId>, Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    first_at: Timestamp,
    times: u32,
}

impl Failures {
    /// Counts an attempt as failed until it turns out not to be.
    ///
    /// # Errors
    /// Until when the name has to wait.
    fn count(&self, name: Option<&PersonId>, now: Timestamp) -> std::result::Result<(), Timestamp> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, failed| now < failed.first_at + FAILURES_COUNT_FOR);
        let key = name.cloned();
        if all.len() >= NAMES_WATCHED_MAX && !all.contains_key(&key) {
            return Err(now + FAILURES_COUNT_FOR);
        }
        let failed = all.entry(key).or_insert(Failed { first_at: now, times: 0 });
        if failed.times >= SIGN_IN_FAILURES_MAX {
            return Err(failed.first_at + FAILURES_COUNT_FOR);
        }
        failed.times += 1;
        Ok(())
    }

    fn forget(&self, name: Option<&PersonId>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name.cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_wrong_passwords_a_name_waits_and_others_do_not() {
        let failures = Failures::default();
        let (alice, bob) = (PersonId::new("alice"), PersonId::new("bob"));
        let start = Timestamp::from_secs(0);
        for _ in 0..SIGN_IN_FAILURES_MAX {
            failures.count(Some(&alice), start).unwrap();
        }
        let waits = failures.count(Some(&alice), start + Span::from_mins(5));
        assert_eq!(waits, Err(start + FAILURES_COUNT_FOR));
        assert_eq!(failures.count(Some(&bob), start), Ok(()));
        assert_eq!(failures.count(Some(&alice), start + FAILURES_COUNT_FOR), Ok(()));
    }

    #[test]
    fn a_right_password_forgets_the_wrong_ones() {
        let failures = Failures::default();
        let alice = PersonId::new("alice");
        let start = Timestamp::from_secs(0);
        for _ in 0..SIGN_IN_FAILURES_MAX {
            failures.count(Some(&alice), start).unwrap();
        }
        failures.forget(Some(&alice));
        assert_eq!(failures.count(Some(&alice), start), Ok(()));
    }

    #[test]
    fn signing_in_never_leads_to_another_site() {
        for next in ["//evil.example", "https://evil.example", "/\\evil.example", "", "evil", "/a\r\nb", "/ü"]
        {
            assert_eq!(own_path(next), "/", "{next}");
        }
        assert_eq!(own_path("/incidents/inc_3?x=1"), "/incidents/inc_3?x=1");
    }
}
