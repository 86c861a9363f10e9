use std::sync::Arc;

use egress::check::{BodyCondition, CheckOutcome, CheckReason, HttpCheck, StatusSet, run};
use egress::guard::Origin;
use egress::network::Phase;
use egress::{StatusCode, Url};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::servers::{Atlas, LONG, client, client_on, serve, serve_bytes, serve_silence, url};

fn check_of(address: std::net::SocketAddr) -> HttpCheck {
    HttpCheck::new(url(address, "/health"), LONG, Origin::Operator)
}

fn in_short(outcome: &CheckOutcome) -> (bool, CheckReason, Option<u16>) {
    (outcome.ok, outcome.reason, outcome.status)
}

#[tokio::test]
async fn a_check_is_well_when_everything_expected_is_seen() {
    let server = serve_bytes("HTTP/1.1 200 OK\r\n\r\nstatus: é up, 12 workers").await;
    let mut check = check_of(server);
    check.body = vec![
        BodyCondition::Contains("status: é up".into()),
        BodyCondition::matching(r"\b[1-9]\d* workers").unwrap(),
    ];
    let outcome = run(&client(), &check).await;
    assert_eq!(in_short(&outcome), (true, CheckReason::AsExpected, Some(200)));
    assert_eq!((outcome.latency, outcome.detail), (outcome.phases.total, None));
    assert!(outcome.phases.connect.is_some() && outcome.phases.first_byte.is_some());
}

#[tokio::test]
async fn a_check_says_which_expectation_was_not_met() {
    let server = serve_bytes("HTTP/1.1 200 OK\r\n\r\nmaintenance").await;
    let with = |condition: BodyCondition| HttpCheck { body: vec![condition], ..check_of(server) };
    let outcome = run(&client(), &with(BodyCondition::Contains("welcome".into()))).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::TextMissing, Some(200)));
    assert_eq!(outcome.detail.unwrap(), "the body does not contain `welcome`");
    let outcome = run(&client(), &with(BodyCondition::matching("^wel").unwrap())).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::PatternMissing, Some(200)));
    let expected = StatusSet::new([201..=201, 300..=399]);
    let outcome = run(&client(), &HttpCheck { expected, ..check_of(server) }).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::UnexpectedStatus, Some(200)));
    assert_eq!(outcome.detail.unwrap(), "the status is 200 OK");
    let zipped = serve_bytes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nwelcome").await;
    let body = vec![BodyCondition::Contains("welcome".into())];
    let outcome = run(&client(), &HttpCheck { body, ..check_of(zipped) }).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::BodyEncoded, Some(200)));
}

#[tokio::test]
async fn a_failing_status_can_be_what_is_expected() {
    let server = serve_bytes("HTTP/1.1 503 Closed\r\n\r\n").await;
    assert_eq!(
        in_short(&run(&client(), &check_of(server)).await),
        (false, CheckReason::UnexpectedStatus, Some(503))
    );
    let expected = StatusSet::new([500..=599]);
    assert!(expected.contains(StatusCode::SERVICE_UNAVAILABLE));
    assert!(run(&client(), &HttpCheck { expected, ..check_of(server) }).await.ok);
}

#[tokio::test]
async fn whatever_breaks_on_the_way_has_its_own_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = run(&client(), &check_of(closed)).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::NotConnected, None));
    assert!(outcome.detail.unwrap().to_lowercase().contains("refused"), "the source is told too");
    let lying = serve_bytes("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf").await;
    assert_eq!(in_short(&run(&client(), &check_of(lying)).await), (false, CheckReason::Broken, Some(200)));
    let garbage = serve_bytes("hello\r\n\r\n").await;
    assert_eq!(in_short(&run(&client(), &check_of(garbage)).await), (false, CheckReason::Broken, None));
    let circle = serve_bytes("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n").await;
    let check = HttpCheck { redirects_max: 2, ..check_of(circle) };
    assert_eq!(in_short(&run(&client(), &check).await), (false, CheckReason::TooManyRedirects, None));
    let nobody = Arc::new(Atlas::default());
    let named = HttpCheck::new(Url::parse("http://gone.example/").unwrap(), LONG, Origin::Operator);
    let outcome = run(&client_on(&nobody), &named).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::NameNotResolved, None));
    let metadata = Url::parse("http://169.254.169.254/latest").unwrap();
    let outcome = run(&client(), &HttpCheck::new(metadata, LONG, Origin::Operator)).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::DestinationRefused, None));
    let plain = serve(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
    })
    .await;
    let secure = Url::parse(&format!("https://{plain}/")).unwrap();
    let outcome = run(&client(), &HttpCheck::new(secure, LONG, Origin::Operator)).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::TlsFailed, None));
}

#[tokio::test]
async fn a_check_that_takes_too_long_says_where() {
    let silent = serve_silence("").await;
    let outcome = run(&client(), &check_of(silent)).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::TimedOut(Phase::FirstByte), None));
    assert!(outcome.latency >= LONG && outcome.phases.connect.is_some(), "{outcome:?}");
    tokio::time::resume();
    let half = serve_silence("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf").await;
    let outcome = run(&client(), &check_of(half)).await;
    assert_eq!(in_short(&outcome), (false, CheckReason::TimedOut(Phase::Body), Some(200)));
}

#[test]
fn a_pattern_that_cannot_be_matched_is_refused_with_its_text() {
    let fault = BodyCondition::matching("(").unwrap_err();
    assert_eq!(fault.to_string(), "`(` is not a pattern that can be matched");
    assert!(BodyCondition::matching(r"(\w{1000}){1000}").is_err(), "a pattern that grows past its limit");
}
