use egress::guard::Origin;
use egress::webhook::{Secret, Webhook, WebhookFault, deliver, sign};
use egress::{Advice, Url};
use kernel::Timestamp;

use crate::servers::{LONG, client, serve_and_record, serve_bytes, serve_silence, url};

fn webhook(url: Url) -> Webhook {
    Webhook {
        url,
        origin: Origin::Operator,
        secrets: vec![Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()],
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
        timestamp: Timestamp::from_secs(1_614_265_330),
        body: r#"{"test": 2432232314}"#.into(),
        timeout: LONG,
    }
}

#[tokio::test]
async fn a_receiver_gets_the_body_and_a_signature_over_exactly_it() {
    let (server, requests) = serve_and_record("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut webhook = webhook(url(server, "/hook"));
    let receipt = deliver(&client(), &webhook).await.unwrap();
    assert_eq!(receipt.status.as_u16(), 204);
    let next = Secret::read("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let second = sign(&next, &webhook.id, webhook.timestamp, &webhook.body);
    webhook.secrets.push(next);
    deliver(&client(), &webhook).await.unwrap();
    let seen = requests.lock().unwrap().clone();
    let first = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert!(seen[0].starts_with("POST /hook HTTP/1.1\r\n"));
    for line in [
        "content-type: application/json",
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        &format!("webhook-signature: {first}"),
    ] {
        assert!(seen[0].contains(&format!("{line}\r\n")), "{line} in {}", seen[0]);
    }
    assert!(seen[0].ends_with("\r\n\r\n{\"test\": 2432232314}"));
    assert!(seen[1].contains(&format!("webhook-signature: {first} {second}\r\n")), "{}", seen[1]);
}

#[tokio::test]
async fn a_2xx_is_a_receipt_whatever_follows_its_head() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned(),
        format!("HTTP/1.1 202 Accepted\r\n\r\n{}", "x".repeat(100_000)),
    ] {
        let server = serve_bytes(answer).await;
        assert!(deliver(&client(), &webhook(url(server, "/"))).await.unwrap().status.is_success());
    }
    let silent = serve_silence("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(deliver(&client(), &webhook(url(silent, "/"))).await.unwrap().status.is_success());
}

#[tokio::test]
async fn a_receivers_no_says_whether_to_come_again() {
    for (answer, advice) in [
        ("410 Gone", Advice::GiveUp),
        ("302 Found\r\nLocation: http://example.com/", Advice::GiveUp),
        ("500 Oops", Advice::Retry { after: None }),
        ("429 Slow\r\nRetry-After: 7", Advice::Retry { after: Some(kernel::Span::from_secs(7)) }),
    ] {
        let server = serve_bytes(format!("HTTP/1.1 {answer}\r\n\r\n")).await;
        let fault = deliver(&client(), &webhook(url(server, "/"))).await.unwrap_err();
        assert_eq!(fault.advice(), advice, "{answer}");
    }
    let dropped = serve_bytes("").await;
    let fault = deliver(&client(), &webhook(url(dropped, "/"))).await.unwrap_err();
    assert_eq!(fault.advice(), Advice::OutcomeUnknown);
}

#[tokio::test]
async fn a_users_webhook_does_not_reach_this_machine() {
    let (server, requests) = serve_and_record("HTTP/1.1 204 No Content\r\n\r\n").await;
    let fault =
        deliver(&client(), &Webhook { origin: Origin::User, ..webhook(url(server, "/")) }).await.unwrap_err();
    assert!(matches!(fault, WebhookFault::Post(_)) && fault.advice() == Advice::GiveUp, "{fault:?}");
    assert!(requests.lock().unwrap().is_empty());
}
