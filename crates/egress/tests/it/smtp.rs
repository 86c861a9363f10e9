use std::net::SocketAddr;

use egress::Advice;
use egress::guard::Origin;
use egress::network::{Network, Unreached};
use egress::smtp::{Credentials, Mail, Mailbox, Mailer, Receipt, Relay, Security, SmtpFault, Step, compose};
use egress::tls::Tls;
use tokio::net::TcpListener;

use crate::smtp_server::{Script, serve_smtp};
use crate::tls::{certified, trusting};

const RETRY: Advice = Advice::Retry { after: None };

fn mail() -> Mail {
    Mail {
        from: Mailbox::new(Some("Swan"), "swan@example.com").unwrap(),
        to: vec![
            Mailbox::new(None, "ana@example.com").unwrap(),
            Mailbox::new(Some("Bö"), "bo@example.com").unwrap(),
        ],
        subject: "Störung: shop".into(),
        message_id: "page_1.step_2.ana@swan.example".into(),
        date: "2026-11-20T09:30:00Z".parse().unwrap(),
        text: "first\n.\n..two dots\nRCPT TO:<eve@example.com>\n".into(),
        html: Some("<p>first</p>".into()),
        headers: vec![("List-Unsubscribe".into(), "<https://swan.example/u/1>".into())],
    }
}

/// A mail that does not fit into what two sockets buffer.
fn large_mail() -> Mail {
    let text = format!("{}\n", "x".repeat(70)).repeat(100_000);
    Mail { text, html: None, ..mail() }
}

/// A server stops in the middle of a mail only when it could not have received all of it.
fn mail_for(step: &str) -> Mail {
    if step == "content" { large_mail() } else { mail() }
}

fn relay(address: SocketAddr, security: Security) -> Relay {
    Relay::new(address.ip().to_string(), address.port(), security)
}

fn with_login(relay: Relay) -> Relay {
    let credentials = Some(Credentials { user: "swan".into(), password: "hunter2".into() });
    Relay { credentials, ..relay }
}

fn mailer() -> Mailer {
    Mailer::new(Network::system(Tls::load(None).unwrap()))
}

async fn fault_of(script: Script, mail: &Mail) -> SmtpFault {
    let (server, _) = serve_smtp(script).await;
    let relay = with_login(relay(server, Security::Plain));
    mailer().send(&relay, mail).await.unwrap_err()
}

fn script() -> Script {
    Script { offers: vec!["PIPELINING", "AUTH LOGIN PLAIN"], ..Script::default() }
}

#[tokio::test]
async fn a_mail_arrives_whole_at_every_recipient() {
    let (server, seen) = serve_smtp(Script::default()).await;
    let receipt = mailer().send(&relay(server, Security::Plain), &mail()).await.unwrap();
    assert_eq!(receipt, Receipt { reply: "2.0.0 queued as 4711".into(), secured: false });
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen.lines,
        [
            "EHLO localhost",
            "MAIL FROM:<swan@example.com>",
            "RCPT TO:<ana@example.com>",
            "RCPT TO:<bo@example.com>",
            "DATA",
            "QUIT"
        ]
    );
    let unstuffed: Vec<&str> =
        seen.mails[0].split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
    assert_eq!(unstuffed.concat(), compose(&mail()).unwrap());
    assert!(seen.mails[0].contains("\r\n..\r\n...two dots\r\n"), "dots are doubled on their way");
}

#[tokio::test]
async fn a_large_mail_arrives_whole() {
    let (server, seen) = serve_smtp(Script::default()).await;
    mailer().send(&relay(server, Security::Plain), &large_mail()).await.unwrap();
    assert_eq!(seen.lock().unwrap().mails[0], compose(&large_mail()).unwrap());
}

#[tokio::test]
async fn a_connection_lost_before_the_final_dot_may_be_tried_again() {
    for (step, named) in [
        ("greeting", Step::Greeting),
        ("EHLO", Step::Hello),
        ("AUTH", Step::LogIn),
        ("MAIL", Step::MailFrom),
        ("RCPT", Step::RecipientTo),
        ("DATA", Step::Data),
        ("content", Step::Content),
    ] {
        let fault = fault_of(Script { hangs_up_at: Some(step), ..script() }, &mail_for(step)).await;
        assert!(matches!(fault, SmtpFault::Lost { step, .. } if step == named), "{step}: {fault:?}");
        assert_eq!(fault.advice(), RETRY, "{step}");
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_leaves_the_outcome_unknown() {
    let (server, seen) = serve_smtp(Script { hangs_up_at: Some("dot"), ..Script::default() }).await;
    let fault = mailer().send(&relay(server, Security::Plain), &mail()).await.unwrap_err();
    assert!(matches!(fault, SmtpFault::Lost { step: Step::FinalDot, .. }), "{fault:?}");
    assert_eq!(fault.advice(), Advice::OutcomeUnknown);
    assert_eq!(seen.lock().unwrap().mails.len(), 1, "the relay has it, and may send it on");
}

#[tokio::test]
async fn a_relay_that_falls_silent_is_left_in_time() {
    for (step, named, advice) in [
        ("greeting", Step::Greeting, RETRY),
        ("EHLO", Step::Hello, RETRY),
        ("AUTH", Step::LogIn, RETRY),
        ("MAIL", Step::MailFrom, RETRY),
        ("RCPT", Step::RecipientTo, RETRY),
        ("DATA", Step::Data, RETRY),
        ("content", Step::Content, RETRY),
        ("dot", Step::FinalDot, Advice::OutcomeUnknown),
    ] {
        let fault = fault_of(Script { silent_at: Some(step), ..script() }, &mail_for(step)).await;
        assert!(matches!(fault, SmtpFault::TimedOut { step, .. } if step == named), "{step}: {fault:?}");
        assert_eq!(fault.advice(), advice, "{step}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_relays_no_is_for_the_moment_or_for_good() {
    for (step, named) in [
        ("greeting", Step::Greeting),
        ("EHLO", Step::Hello),
        ("AUTH", Step::LogIn),
        ("MAIL", Step::MailFrom),
        ("RCPT", Step::RecipientTo),
        ("DATA", Step::Data),
        ("dot", Step::FinalDot),
    ] {
        for (reply, code, advice) in
            [("451-4.3.0 try\r\n451 later", 451, RETRY), ("554 5.7.1 never", 554, Advice::GiveUp)]
        {
            let fault = fault_of(Script { replies: [(step, reply)].into(), ..script() }, &mail()).await;
            let SmtpFault::Answered { step: at, code: answered, text, .. } = &fault else {
                panic!("{step}: {fault:?}")
            };
            assert_eq!((*at, *answered, fault.advice()), (named, code, advice));
            assert!(["4.3.0 try later", "5.7.1 never"].contains(&text.as_str()), "{text}");
        }
    }
}

#[tokio::test]
async fn a_recipient_that_is_refused_keeps_the_mail_from_all() {
    let (server, seen) =
        serve_smtp(Script { replies: [("RCPT", "550 no such user")].into(), ..Script::default() }).await;
    let fault = mailer().send(&relay(server, Security::Plain), &mail()).await.unwrap_err();
    assert_eq!(fault.to_string(), "`127.0.0.1` answered 550 to RCPT TO: no such user");
    let seen = seen.lock().unwrap();
    assert!(seen.mails.is_empty());
    assert_eq!(seen.lines.last().unwrap(), "QUIT", "the relay is told goodbye");
}

#[tokio::test]
async fn what_is_no_reply_is_a_fault_and_after_the_final_dot_an_unknown_outcome() {
    let endless = "250-x\r\n".repeat(1000).leak();
    let long = format!("250 {}", "x".repeat(100_000)).leak();
    for reply in ["hello", "25", "250x", "999 x", "250-one\r\n354 other", "\u{0}", endless, long] {
        for (step, named, advice) in
            [("MAIL", Step::MailFrom, RETRY), ("dot", Step::FinalDot, Advice::OutcomeUnknown)]
        {
            let fault = fault_of(Script { replies: [(step, reply)].into(), ..script() }, &mail()).await;
            assert!(matches!(fault, SmtpFault::Garbled { step, .. } if step == named), "{step}: {fault:?}");
            assert_eq!(fault.advice(), advice);
        }
    }
    let fault = fault_of(Script { replies: [("dot", "354 go ahead")].into(), ..script() }, &mail()).await;
    assert_eq!(fault.advice(), Advice::OutcomeUnknown, "neither yes nor no");
}

#[tokio::test]
async fn a_relay_that_says_no_while_the_mail_is_sent_has_not_taken_it() {
    let early = "354 go ahead\r\n452 4.3.1 disk full";
    let fault = fault_of(Script { replies: [("DATA", early)].into(), ..script() }, &mail()).await;
    assert!(matches!(fault, SmtpFault::Answered { step: Step::Content, code: 452, .. }), "{fault:?}");
    assert_eq!(fault.advice(), RETRY);
}

#[tokio::test]
async fn a_relay_that_is_not_there_may_be_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fault = mailer().send(&relay(closed, Security::Plain), &mail()).await.unwrap_err();
    assert!(matches!(fault, SmtpFault::Unreached(Unreached::Connect { .. })), "{fault:?}");
    assert_eq!(fault.advice(), RETRY);
}

#[tokio::test]
async fn mail_goes_over_tls_from_the_start_or_after_starttls_as_configured() {
    let (acceptor, root) = certified(&["127.0.0.1"]);
    let mailer = Mailer::new(Network::system(trusting(&root)));
    for (security, offers, implicit, before) in [
        (Security::Implicit, vec!["AUTH PLAIN"], true, vec!["TLS", "EHLO localhost"]),
        (
            Security::StartTlsRequired,
            vec!["STARTTLS", "AUTH PLAIN"],
            false,
            vec!["EHLO localhost", "STARTTLS", "TLS", "EHLO localhost"],
        ),
        (
            Security::StartTlsIfOffered,
            vec!["STARTTLS", "AUTH PLAIN"],
            false,
            vec!["EHLO localhost", "STARTTLS", "TLS", "EHLO localhost"],
        ),
    ] {
        let script = Script { offers, implicit, tls: Some(acceptor.clone()), ..Script::default() };
        let (server, seen) = serve_smtp(script).await;
        let receipt = mailer.send(&with_login(relay(server, security)), &mail()).await.unwrap();
        assert!(receipt.secured);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.lines[..before.len()], before);
        assert_eq!(seen.lines[before.len()], "AUTH PLAIN AHN3YW4AaHVudGVyMg==");
        assert_eq!(seen.mails.len(), 1);
    }
}

#[tokio::test]
async fn starttls_that_is_required_and_not_to_be_had_ends_the_attempt() {
    let (acceptor, _) = certified(&["127.0.0.1"]);
    let (server, seen) = serve_smtp(Script::default()).await;
    let fault = mailer().send(&relay(server, Security::StartTlsRequired), &mail()).await.unwrap_err();
    assert!(
        matches!(fault, SmtpFault::StartTlsNotOffered { .. }) && fault.advice() == Advice::GiveUp,
        "{fault:?}"
    );
    assert_eq!(seen.lock().unwrap().lines, ["EHLO localhost"]);
    let offers = vec!["STARTTLS"];
    let (server, _) = serve_smtp(Script { offers, tls: Some(acceptor), ..Script::default() }).await;
    for security in [Security::StartTlsRequired, Security::StartTlsIfOffered] {
        let fault = mailer().send(&relay(server, security), &mail()).await.unwrap_err();
        assert!(matches!(fault, SmtpFault::Unreached(Unreached::Handshake { .. })), "not trusted: {fault:?}");
    }
}

#[tokio::test]
async fn what_is_slipped_in_before_tls_is_not_taken_for_an_answer() {
    let (acceptor, root) = certified(&["127.0.0.1"]);
    let replies = [("STARTTLS", "220 go ahead\r\n250 injected")].into();
    let offers = vec!["STARTTLS"];
    let (server, _) = serve_smtp(Script { offers, replies, tls: Some(acceptor), ..Script::default() }).await;
    let mailer = Mailer::new(Network::system(trusting(&root)));
    let fault = mailer.send(&relay(server, Security::StartTlsRequired), &mail()).await.unwrap_err();
    assert!(matches!(fault, SmtpFault::StartTlsInjected { .. }), "{fault:?}");
}

#[tokio::test]
async fn a_password_is_not_sent_in_the_clear_unless_configured_so() {
    let (server, seen) = serve_smtp(script()).await;
    let fault =
        mailer().send(&with_login(relay(server, Security::StartTlsIfOffered)), &mail()).await.unwrap_err();
    assert!(matches!(fault, SmtpFault::LoginInTheClear { .. }), "{fault:?}");
    assert_eq!(seen.lock().unwrap().lines, ["EHLO localhost"]);
    let receipt = mailer().send(&relay(server, Security::StartTlsIfOffered), &mail()).await.unwrap();
    assert!(!receipt.secured, "without a password, the mail may go");
    let relay = with_login(relay(server, Security::Plain));
    mailer().send(&relay, &mail()).await.unwrap();
    assert!(!format!("{relay:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_login_uses_what_the_relay_offers() {
    for (offer, lines) in [
        ("AUTH PLAIN LOGIN", vec!["AUTH PLAIN AHN3YW4AaHVudGVyMg=="]),
        ("auth=login", vec!["AUTH LOGIN", "c3dhbg==", "aHVudGVyMg=="]),
        ("AUTH LOGIN CRAM-MD5", vec!["AUTH LOGIN", "c3dhbg==", "aHVudGVyMg=="]),
    ] {
        let (server, seen) = serve_smtp(Script { offers: vec![offer], ..Script::default() }).await;
        mailer().send(&with_login(relay(server, Security::Plain)), &mail()).await.unwrap();
        assert_eq!(seen.lock().unwrap().lines[1..=lines.len()], lines, "{offer}");
    }
    let (server, _) = serve_smtp(Script { offers: vec!["AUTH CRAM-MD5"], ..Script::default() }).await;
    let fault = mailer().send(&with_login(relay(server, Security::Plain)), &mail()).await.unwrap_err();
    assert_eq!(fault.to_string(), "`127.0.0.1` offers neither AUTH PLAIN nor AUTH LOGIN, but `CRAM-MD5`");
}

#[tokio::test]
async fn a_relay_is_guarded_like_any_destination() {
    for (host, origin) in [
        ("169.254.169.254", Origin::Operator),
        ("0xa9fea9fe", Origin::Operator),
        ("127.1", Origin::User),
        ("::1", Origin::User),
        ("a b", Origin::User),
    ] {
        let relay = Relay { origin, ..Relay::new(host, 25, Security::Plain) };
        let fault = mailer().send(&relay, &mail()).await.unwrap_err();
        assert!(matches!(fault, SmtpFault::Unreached(Unreached::Refused(_))), "{host}: {fault:?}");
        assert_eq!(fault.advice(), Advice::GiveUp);
    }
}

#[tokio::test]
async fn nothing_that_is_configured_or_composed_can_add_a_command() {
    let (server, seen) = serve_smtp(script()).await;
    let relay = relay(server, Security::Plain);
    let hello = Relay { hello: "x\r\nRSET".into(), ..relay.clone() };
    assert!(matches!(mailer().send(&hello, &mail()).await.unwrap_err(), SmtpFault::Hello { .. }));
    let evil = Mail { subject: "x\r\n.\r\nMAIL FROM:<eve@example.com>".into(), ..mail() };
    assert!(matches!(mailer().send(&relay, &evil).await.unwrap_err(), SmtpFault::Mail(_)));
    assert!(seen.lock().unwrap().lines.is_empty(), "not even a connection");
    let credentials = Some(Credentials { user: "a\0b".into(), password: "c".into() });
    let fault = mailer().send(&Relay { credentials, ..relay }, &mail()).await.unwrap_err();
    assert!(matches!(fault, SmtpFault::Credentials { .. }), "{fault:?}");
}
