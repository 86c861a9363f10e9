use std::time::Duration;

use egress::Advice;
use egress::http::Fault;
use egress::network::Phases;
use egress::scrape::{Target, fetch};

use crate::servers::{client, serve_and_record, serve_bytes, url};

#[tokio::test]
async fn a_target_is_asked_for_text_and_told_how_long_we_wait() {
    let (server, requests) = serve_and_record(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 5\r\n\r\nup 1\n",
    )
    .await;
    let target = Target::new(url(server, "/metrics"), Duration::from_millis(9500));
    let mut phases = Phases::default();
    let exposition = fetch(&client(), &target, &mut phases).await.unwrap();
    assert_eq!(exposition.body, "up 1\n");
    assert_eq!(exposition.content_type.as_deref(), Some("text/plain; version=0.0.4"));
    assert_eq!(exposition.phases, phases);
    assert!(phases.first_byte.is_some());
    let seen = requests.lock().unwrap()[0].clone();
    assert!(seen.starts_with("GET /metrics HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("accept: text/plain;version=0.0.4"), "{seen}");
    assert!(seen.contains("x-prometheus-scrape-timeout-seconds: 9.5\r\n"), "{seen}");
}

#[tokio::test]
async fn what_is_no_exposition_is_a_fault() {
    let target = |server| Target::new(url(server, "/metrics"), Duration::from_secs(60));
    let scrape = async |target: Target| fetch(&client(), &target, &mut Phases::default()).await.unwrap_err();
    let missing = scrape(target(serve_bytes("HTTP/1.1 404 Not Found\r\n\r\n").await)).await;
    assert!(matches!(missing, Fault::Answered { .. }) && missing.advice() == Advice::GiveUp, "{missing:?}");
    let zipped = serve_bytes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx").await;
    assert!(matches!(scrape(target(zipped)).await, Fault::Encoded { encoding, .. } if encoding == "gzip"));
    let long = serve_bytes("HTTP/1.1 200 OK\r\n\r\nup 1\n").await;
    let short = Target { body_bytes_max: 4, ..target(long) };
    assert!(matches!(scrape(short).await, Fault::TooLarge { bytes_max: 4, .. }));
    let half = serve_bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n").await;
    assert!(matches!(scrape(target(half)).await, Fault::ReadBody { .. }), "half an exposition is none");
}
