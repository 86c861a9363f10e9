//! What holds at every path of Prometheus: which methods there are, and the form of what is refused before a handler
//! runs.
//!
//! `OPTIONS` says which methods there are and nothing else. Prometheus also lets the pages of any other site read
//! its answers (`Access-Control-Allow-Origin`); here a browser may be trusted for where it runs, on loopback, so no
//! other site is let in.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::refused;
use crate::answer::Error;

/// The methods of the API's paths.
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, OPTIONS, POST");

pub(super) async fn kept(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, ALLOWED)]).into_response();
    }
    if request.method() == Method::OPTIONS && request.uri().path().starts_with("/api/v1/") {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, ALLOWED)]).into_response();
    }
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    let mut reshaped = refused(&error);
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        for value in response.headers().get_all(&name) {
            reshaped.headers_mut().append(name.clone(), value.clone());
        }
    }
    if error.status == StatusCode::UNAUTHORIZED {
        // A token may be the password, which is all that many data sources can send.
        let basic = HeaderValue::from_static("Basic realm=\"swan\", charset=\"UTF-8\"");
        reshaped.headers_mut().append(header::WWW_AUTHENTICATE, basic);
    }
    reshaped
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn asked(method: Method, path: &str) -> (StatusCode, axum::http::HeaderMap, String) {
        let refusing =
            |status, code: &'static str| move || async move { Error::new(status, code, "it is so") };
        let routes = Router::new()
            .route("/api/v1/query", get(refusing(StatusCode::UNAUTHORIZED, "no_credentials")))
            .route("/api/v1/labels", get(refusing(StatusCode::FORBIDDEN, "forbidden")))
            .route("/api/v1/series", get(refusing(StatusCode::SERVICE_UNAVAILABLE, "unavailable")))
            .layer(from_fn(kept));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (head, body) = routes.oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn whoever_is_not_let_in_is_told_in_prometheus_form_how_to_come_in() {
        let (status, headers, body) = asked(Method::GET, "/api/v1/query").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(body, r#"{"status":"error","errorType":"unauthorized","error":"it is so"}"#);
        let challenges: Vec<_> = headers.get_all(header::WWW_AUTHENTICATE).iter().collect();
        assert_eq!(challenges, ["Bearer realm=\"swan\"", "Basic realm=\"swan\", charset=\"UTF-8\""]);
        let (status, headers, body) = asked(Method::GET, "/api/v1/labels").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body, r#"{"status":"error","errorType":"forbidden","error":"it is so"}"#);
        assert!(headers.get(header::WWW_AUTHENTICATE).is_none());
        let (status, headers, body) = asked(Method::GET, "/api/v1/series").await;
        assert_eq!(
            (status, &headers[header::RETRY_AFTER]),
            (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
        );
        assert_eq!(body, r#"{"status":"error","errorType":"unavailable","error":"it is so"}"#);
    }

    #[tokio::test]
    async fn methods_are_told_and_no_other_site_is_let_in() {
        let (status, headers, _) = asked(Method::OPTIONS, "/api/v1/query").await;
        assert_eq!((status, &headers[header::ALLOW]), (StatusCode::NO_CONTENT, &ALLOWED));
        assert!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        assert_eq!(asked(Method::HEAD, "/api/v1/query").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
}
