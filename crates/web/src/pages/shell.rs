//! What every page has around it: who is signed in, where the reader is, and what stands against what they asked for.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use kernel::Actor;

use crate::access::Responder;
use crate::answer::Error;
use crate::doors::Doorway;
use crate::ports::Caller;

/// Nothing is loaded but this page, no script runs, and no other site may frame it or be posted to.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

/// The pages that the navigation names, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Now,
    Alerts,
    Incidents,
    OnCall,
    Availability,
    Learn,
    Elsewhere,
}

/// One entry of the navigation.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

/// Around a page for somebody who is signed in.
#[derive(Debug)]
pub(super) struct Shell {
    /// Who is signed in.
    pub(super) who: String,
    /// Whether they came with a session that can be ended.
    pub(super) is_person: bool,
    pub(super) places: [Place; 6],
    pub(super) notice: Option<Notice>,
}

impl Shell {
    pub(super) fn new(caller: &Caller, here: Here, notice: Option<Notice>) -> Self {
        let place = |at: Here, path, name| Place { path, name, is_here: at == here };
        Self {
            who: caller.actor.to_string(),
            is_person: matches!(caller.actor, Actor::Person(_)),
            places: [
                place(Here::Now, "/", "Now"),
                place(Here::Alerts, "/alerts", "Alerts"),
                place(Here::Incidents, "/incidents", "Incidents"),
                place(Here::OnCall, "/oncall", "On call"),
                place(Here::Availability, "/availability", "Availability"),
                place(Here::Learn, "/post-mortems", "Post-mortems"),
            ],
            notice,
        }
    }

    /// The status with which the page is answered.
    pub(super) fn status(&self) -> StatusCode {
        self.notice.as_ref().map_or(StatusCode::OK, |notice| notice.status)
    }
}

/// What stands against what somebody asked for, at the top of the page that they asked it on.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
    pub(super) hint: Option<String>,
    /// What they had written, so that it is not lost.
    pub(super) wrote: Option<String>,
}

impl Notice {
    /// The refusal, with the text that was refused.
    pub(super) fn new(error: Error, wrote: impl Into<Option<String>>) -> Self {
        let Error { status, body } = error;
        let wrote = wrote.into().filter(|text| !text.trim().is_empty());
        Self { status, sentence: body.error, hint: body.hint, wrote }
    }
}

/// What a handler of a page answers.
pub(super) type Answer = Result<Response, Broken>;

/// A page that cannot be shown, as a page.
#[derive(Debug)]
pub(super) struct Broken(Error);

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

#[derive(Template)]
#[template(path = "broken.html", whitespace = "minimize")]
struct BrokenPage {
    heading: &'static str,
    sentence: String,
    hint: Option<String>,
}

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        let Error { status, body } = self.0;
        let heading = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::SERVICE_UNAVAILABLE => "Not available right now",
            _ => "That did not work",
        };
        let page = BrokenPage { heading, sentence: body.error, hint: body.hint };
        let mut response = html(status, &page);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A page as an answer, with the headers that every page has.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    let text = page.render().expect("a page's values all have a text");
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(text)).into_response()
}

/// On to another page, which is fetched with GET.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => {
            Broken(Error::bad_request("the address holds characters that no address has")).into_response()
        }
    }
}

/// Text as one segment or value of an address.
pub(super) fn encoded(text: &str) -> String {
    let Ok(encoded) = askama::filters::urlencode_strict(text);
    encoded.to_string()
}

/// Somebody who may look, and act in incidents and pages; others are sent to sign in, and back.
#[derive(Debug)]
pub(super) struct SignedIn(pub(super) Caller);

impl FromRequestParts<Doorway> for SignedIn {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, doorway: &Doorway) -> Result<Self, Response> {
        match Responder::from_request_parts(parts, doorway).await {
            Ok(Responder(caller)) => Ok(Self(caller)),
            Err(error) if error.status == StatusCode::UNAUTHORIZED => {
                let asked_for = match parts.uri.path_and_query() {
                    Some(whole) if parts.method == Method::GET => whole.as_str(),
                    _ => parts.uri.path(),
                };
                Err(see_other(&format!("/signin?next={}", encoded(asked_for))))
            }
            Err(error) => Err(Broken(error).into_response()),
        }
    }
}
