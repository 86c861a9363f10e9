use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use egress::guard::{Origin, Refusal};
use egress::http::{Fault, Request};
use egress::network::Unreached;
use egress::tls::Tls;
use egress::{Advice, Method, Url, header};
use tokio::io::AsyncWriteExt;

use crate::guard::{PUBLIC, all_spellings};
use crate::servers::{
    Atlas, LONG, client, client_on_with, get, post, read_request, serve, serve_and_record, serve_bytes, url,
};
use crate::spellings::{METADATA_V4, METADATA_V6, NOT_PUBLIC_V4, NOT_PUBLIC_V6};

/// Follows a redirect by `peer` to every spelling; only `peer` is ever connected to.
async fn no_redirect_escapes(origin: Origin, peer: IpAddr, spellings: Vec<(String, IpAddr)>) -> usize {
    let tls = Tls::load(None).unwrap();
    let location = Arc::new(Mutex::new(String::new()));
    let answered = location.clone();
    let server = serve(move |mut stream, _| {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\n\r\n", answered.lock().unwrap());
        async move {
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut tried = 0;
    // A line break would end the header.
    for (spelling, address) in spellings.iter().filter(|(spelling, _)| !spelling.contains(['\n', '\r'])) {
        let relative =
            spelling.strip_prefix("http:").filter(|rest| rest.starts_with("//")).map(str::to_owned);
        for target in [Some(spelling.clone()), relative].into_iter().flatten() {
            *location.lock().unwrap() = target.clone();
            let atlas = Arc::new(Atlas {
                names: [("start.example".to_owned(), vec![vec![peer]])].into(),
                otherwise: vec![*address],
                server: Some(server),
                ..Atlas::default()
            });
            let start = Url::parse("http://start.example/").unwrap();
            let mut request = Request::new(Method::GET, start, LONG, origin);
            request.limits.redirects_max = 5;
            let outcome = client_on_with(&atlas, &tls).send(request).await;
            let start = (peer, 80).into();
            let dialled = atlas.dialled.lock().unwrap().clone();
            // A reference that is no URL to us may be a path on the same server, which sends us round again.
            assert!(dialled.iter().all(|address| *address == start), "{target}: {dialled:?}");
            assert!(
                matches!(
                    outcome,
                    Err(Fault::Unreached(Unreached::Refused(_)) | Fault::TooManyRedirects { .. })
                ),
                "{target}: {outcome:?}"
            );
            tried += 1;
        }
    }
    tried
}

#[tokio::test]
async fn no_redirect_takes_a_user_to_a_private_address() {
    let spellings = all_spellings(
        &[NOT_PUBLIC_V4.as_slice(), &METADATA_V4].concat(),
        &[NOT_PUBLIC_V6.as_slice(), &METADATA_V6].concat(),
    );
    assert!(no_redirect_escapes(Origin::User, PUBLIC, spellings).await >= 300);
}

#[tokio::test]
async fn no_redirect_by_a_public_machine_takes_the_operator_to_a_private_address() {
    let spellings = all_spellings(&NOT_PUBLIC_V4[..6], &NOT_PUBLIC_V6[..10]);
    assert!(no_redirect_escapes(Origin::Operator, PUBLIC, spellings).await >= 300);
}

#[tokio::test]
async fn no_redirect_takes_the_operator_to_cloud_metadata() {
    let spellings = all_spellings(&METADATA_V4, &METADATA_V6);
    assert!(no_redirect_escapes(Origin::Operator, [10, 0, 0, 1].into(), spellings).await >= 300);
}

#[tokio::test]
async fn a_private_machine_may_send_the_operator_to_another() {
    let (last, requests) = serve_and_record("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere").await;
    let first = serve_bytes(format!("HTTP/1.1 301 Moved\r\nLocation: http://{last}/there\r\n\r\n")).await;
    let mut request = get(url(first, "/here"));
    request.limits.redirects_max = 1;
    let response = client().send(request).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"here"[..]));
    assert_eq!((response.url, response.peer), (url(last, "/there"), last));
    assert!(requests.lock().unwrap()[0].starts_with("GET /there HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_redirect_is_the_response_unless_it_was_asked_to_be_followed() {
    let first = serve_bytes("HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n").await;
    assert_eq!(client().send(get(url(first, "/"))).await.unwrap().status, 302);
    let mut wish = post(url(first, "/"), "{}");
    wish.limits.redirects_max = 5;
    let response = client().send(wish).await.unwrap();
    assert_eq!(response.status, 302, "a POST is never sent elsewhere");
    assert_eq!(response.accepted().unwrap_err().advice(), Advice::GiveUp);
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let (first, requests) = serve_and_record("HTTP/1.1 307 Again\r\nLocation: /\r\n\r\n").await;
    let mut request = get(url(first, "/"));
    request.limits.redirects_max = 3;
    let fault = client().send(request).await.unwrap_err();
    assert!(matches!(fault, Fault::TooManyRedirects { max: 3, .. }), "{fault:?}");
    assert_eq!(fault.advice(), Advice::GiveUp);
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let (last, requests) = serve_and_record("HTTP/1.1 200 OK\r\n\r\n").await;
    let first = serve_bytes(format!("HTTP/1.1 302 Found\r\nLocation: http://{last}/\r\n\r\n")).await;
    let mut request = get(url(first, "/"));
    request.limits.redirects_max = 1;
    for (name, value) in [("authorization", "Bearer canary"), ("cookie", "canary"), ("x-api-key", "canary")] {
        request.headers.insert(name, value.parse().unwrap());
    }
    request.headers.insert(header::HOST, "canary.example".parse().unwrap());
    request.headers.insert(header::ACCEPT, "text/plain".parse().unwrap());
    client().send(request).await.unwrap();
    let seen = requests.lock().unwrap()[0].clone();
    assert!(!seen.contains("canary") && seen.contains("accept: text/plain"), "{seen}");
    assert!(seen.contains(&format!("host: {last}")), "{seen}");
}

#[tokio::test]
async fn a_redirect_to_what_is_not_http_is_refused() {
    for target in
        ["file:///etc/passwd", "gopher://example.com/", "javascript:1", "http://u:p@example.com/", "http://["]
    {
        let first = serve_bytes(format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\n\r\n")).await;
        let mut request = get(url(first, "/"));
        request.limits.redirects_max = 1;
        let fault = client().send(request).await.unwrap_err();
        assert!(
            matches!(
                fault,
                Fault::Unreached(Unreached::Refused(
                    Refusal::Scheme { .. } | Refusal::UserInfo | Refusal::NotAUrl { .. }
                ))
            ),
            "{target}: {fault:?}"
        );
    }
}
