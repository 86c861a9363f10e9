use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use egress::guard::Origin;
use egress::http::{Client, Fault, Overflow};
use egress::network::{BoxFuture, Network, Phase, Phases, Resolve, System, Unreached};
use egress::tls::Tls;
use egress::{Advice, StatusCode, Url, header};
use kernel::Span;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::guard::PUBLIC;
use crate::servers::{
    Atlas, client, client_on, get, post, read_request, serve, serve_and_record, serve_bytes, serve_silence,
    url,
};

const RETRY: Advice = Advice::Retry { after: None };

#[tokio::test]
async fn a_request_arrives_as_it_was_written_and_its_answer_comes_back_whole() {
    let (server, requests) =
        serve_and_record("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 4\r\n\r\nmade").await;
    let mut request = post(url(server, "/a%20b?c=d#e"), r#"{"x":1}"#);
    request.headers.insert(header::AUTHORIZATION, "Bearer t".parse().unwrap());
    let response = client().send(request).await.unwrap();
    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!(response.headers["x-id"], "7");
    assert_eq!((&response.body[..], response.cut, response.peer), (&b"made"[..], false, server));
    let seen = requests.lock().unwrap()[0].clone();
    assert!(
        seen.starts_with("POST /a%20b?c=d HTTP/1.1\r\n") && seen.ends_with("\r\n\r\n{\"x\":1}"),
        "{seen}"
    );
    for line in [
        "authorization: Bearer t",
        &format!("host: {server}"),
        "user-agent: swan",
        "accept-encoding: identity",
        "connection: close",
        "content-length: 7",
    ] {
        assert!(seen.contains(&format!("{line}\r\n")), "{line} in {seen}");
    }
}

#[tokio::test]
async fn every_phase_that_was_passed_has_its_time() {
    let server = serve_bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let atlas = Arc::new(Atlas { otherwise: vec![PUBLIC], server: Some(server), ..Atlas::default() });
    let named =
        client_on(&atlas).send(get(Url::parse("http://shop.example/").unwrap())).await.unwrap().phases;
    assert!(named.dns.is_some() && named.connect.is_some() && named.first_byte.is_some());
    assert_eq!(named.tls, None, "http has no TLS");
    let parts: Duration = [named.dns, named.connect, named.first_byte].into_iter().flatten().sum();
    assert!(named.total >= parts, "{named:?}");
    let literal = client().send(get(url(server, "/"))).await.unwrap().phases;
    assert_eq!(literal.dns, None, "a literal address is not looked up");
}

#[tokio::test]
async fn a_connection_refused_may_be_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fault = client().send(post(url(closed, "/"), "{}")).await.unwrap_err();
    assert!(
        matches!(fault, Fault::Unreached(Unreached::Connect { address, .. }) if address == closed),
        "{fault:?}"
    );
    assert_eq!(fault.advice(), RETRY);
}

#[tokio::test]
async fn a_name_without_an_address_may_be_tried_again() {
    let atlas = Arc::new(Atlas::default());
    let fault = client_on(&atlas).send(get(Url::parse("http://gone.example/").unwrap())).await.unwrap_err();
    assert!(matches!(&fault, Fault::Unreached(Unreached::NoAddress { host }) if host == "gone.example"));
    assert_eq!(fault.advice(), RETRY);
}

struct Mute;

impl Resolve for Mute {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_ends_in_time() {
    let client = Client::new(Network::new(Arc::new(Mute), Arc::new(System), Tls::load(None).unwrap()));
    let mut phases = Phases::default();
    let fault =
        client.send_timed(get(Url::parse("http://a.example/").unwrap()), &mut phases).await.unwrap_err();
    assert!(matches!(fault, Fault::Unreached(Unreached::TimedOut { phase: Phase::Dns, .. })), "{fault:?}");
    assert_eq!(fault.advice(), RETRY);
    assert!(phases.total >= crate::servers::LONG, "{phases:?}");
}

#[tokio::test]
async fn the_second_address_is_tried_when_the_first_is_dead() {
    let server = serve_bytes("HTTP/1.1 204 No Content\r\n\r\n").await;
    let dead: IpAddr = "2606:2800::dead".parse().unwrap();
    let otherwise = vec![dead, PUBLIC];
    let atlas = Arc::new(Atlas { otherwise, dead: vec![dead], server: Some(server), ..Atlas::default() });
    let response = client_on(&atlas).send(get(Url::parse("http://shop.example/").unwrap())).await.unwrap();
    assert_eq!((response.status.as_u16(), response.peer), (204, (PUBLIC, 80).into()));
}

#[tokio::test]
async fn silence_after_the_request_leaves_the_outcome_unknown() {
    let server = serve_silence("").await;
    for request in [post(url(server, "/"), "{}"), get(url(server, "/send?text=hi"))] {
        let fault = client().send(request).await.unwrap_err();
        assert!(
            matches!(fault, Fault::TimedOut { phase: Phase::FirstByte, written: true, status: None, .. }),
            "{fault:?}"
        );
        assert_eq!(fault.advice(), Advice::OutcomeUnknown);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_leaves_the_outcome_unknown() {
    for answer in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = serve_bytes(answer).await;
        let fault = client().send(post(url(server, "/"), "{}")).await.unwrap_err();
        assert!(matches!(fault, Fault::Exchange { written: true, .. }), "{answer}: {fault:?}");
        assert_eq!(fault.advice(), Advice::OutcomeUnknown);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_leaves_the_outcome_unknown() {
    let oversized = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200 << 10));
    for answer in
        ["SSH-2.0-OpenSSH_9.9\r\n", "\0\x01\x02 garbage\r\n\r\n", "HTTP/1.1 99999 ?\r\n\r\n", &oversized]
    {
        let server = serve_bytes(answer).await;
        let fault = client().send(post(url(server, "/"), "{}")).await.unwrap_err();
        assert!(matches!(fault, Fault::Exchange { written: true, .. }), "{fault:?}");
        assert_eq!(fault.advice(), Advice::OutcomeUnknown);
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_fault_with_its_status() {
    for (status, advice) in
        [(200, Advice::OutcomeUnknown), (400, Advice::GiveUp), (503, RETRY), (504, Advice::OutcomeUnknown)]
    {
        for body in ["Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n64\r\nhalf"] {
            let server = serve_bytes(format!("HTTP/1.1 {status} X\r\n{body}")).await;
            let fault = client().send(post(url(server, "/"), "{}")).await.unwrap_err();
            assert!(matches!(fault, Fault::ReadBody { .. }), "{fault:?}");
            assert_eq!((fault.status().unwrap().as_u16(), fault.advice()), (status, advice));
        }
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_in_time() {
    let server = serve_silence("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    let fault = client().send(get(url(server, "/"))).await.unwrap_err();
    assert!(matches!(fault, Fault::TimedOut { phase: Phase::Body, .. }), "{fault:?}");
    assert_eq!(fault.status(), Some(StatusCode::OK));
}

#[tokio::test]
async fn no_more_of_a_body_is_taken_than_its_limit() {
    for (answer, bytes) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef", 6),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 6),
        ("HTTP/1.1 200 OK\r\n\r\nabcdef", 6),
    ] {
        let server = serve_bytes(answer).await;
        for max in [0, 1, 3, 5, 6, 7] {
            let mut request = get(url(server, "/"));
            request.limits.body_bytes_max = max;
            request.limits.overflow = Overflow::Cut;
            let response = client().send(request.clone()).await.unwrap();
            assert_eq!(response.body[..], b"abcdef"[..max.min(bytes)], "{answer}");
            assert_eq!(response.cut, max < bytes, "{max} of {answer}");
            request.limits.overflow = Overflow::Fault;
            match client().send(request).await {
                Ok(response) => assert_eq!((response.body.len(), max >= bytes), (bytes, true)),
                Err(fault) => assert!(
                    matches!(fault, Fault::TooLarge { bytes_max, .. } if bytes_max == max && max < bytes)
                ),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_asks_for_patience_gets_it() {
    for (answer, advice) in [
        ("429 Slow\r\nRetry-After: 120", Advice::Retry { after: Some(Span::from_secs(120)) }),
        (
            "503 Down\r\nDate: Fri, 20 Nov 2026 09:30:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 09:30:30 GMT",
            Advice::Retry { after: Some(Span::from_secs(30)) },
        ),
        ("503 Down", RETRY),
        ("500 Oops\r\nRetry-After: 120", RETRY),
        ("400 Bad\r\nRetry-After: 120", Advice::GiveUp),
    ] {
        let server = serve_bytes(format!("HTTP/1.1 {answer}\r\nContent-Length: 8\r\n\r\nno\r\nluck")).await;
        let fault = client().send(post(url(server, "/"), "{}")).await.unwrap().accepted().unwrap_err();
        assert_eq!(fault.advice(), advice, "{answer}");
        assert!(fault.to_string().ends_with(": no luck"), "{fault}");
    }
}

#[tokio::test]
async fn headers_that_frame_a_message_are_the_clients_own() {
    let (server, requests) = serve_and_record("HTTP/1.1 204 No Content\r\n\r\n").await;
    for name in ["content-length", "transfer-encoding", "connection", "upgrade", "te", "accept-encoding"] {
        let mut request = post(url(server, "/"), "{}");
        request.headers.insert(name, "1".parse().unwrap());
        let fault = client().send(request).await.unwrap_err();
        assert!(matches!(&fault, Fault::Header { name: named } if named == name), "{fault:?}");
        assert_eq!(fault.advice(), Advice::GiveUp);
    }
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");
    let mut request = get(url(server, "/"));
    request.headers.insert(header::HOST, "shop.example".parse().unwrap());
    client().send(request.clone()).await.unwrap();
    assert!(requests.lock().unwrap()[0].contains("host: shop.example\r\n"));
    request.origin = Origin::User;
    assert!(matches!(client().send(request).await.unwrap_err(), Fault::Header { .. }));
}

#[tokio::test]
async fn a_large_body_goes_out_whole() {
    let server = serve(|mut stream, _| async move {
        let request = read_request(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\n\r\n{}", request.split("\r\n\r\n").nth(1).unwrap().len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut request = post(url(server, "/"), "");
    request.body = vec![b'x'; 300_000].into();
    assert_eq!(client().send(request).await.unwrap().body, "300000");
}
