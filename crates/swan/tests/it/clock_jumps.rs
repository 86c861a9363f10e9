//! A clock that jumps: Debian's libfaketime moves the server's wall clock while it runs.

use std::path::{Path, PathBuf};

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::mail_delivery::critical;
use crate::swan::{SOON, Start, Swan, skipped, until, verified};
use crate::team::Team;

fn libfaketime() -> Option<PathBuf> {
    let lib = std::fs::read_dir("/usr/lib").ok()?;
    let found =
        lib.flatten().map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file());
    if found.is_none() {
        skipped("there is no libfaketime (apt-get install -y libfaketime), so no clock can jump");
    }
    found
}

/// Sets the offset of the server's wall clock against the machine's.
fn set_clock(file: &Path, offset: &str) {
    let beside = file.with_extension("tmp");
    std::fs::write(&beside, format!("{offset}\n")).unwrap();
    std::fs::rename(&beside, file).unwrap();
}

fn instant(at: &Value) -> Timestamp {
    at.as_str().and_then(|text| text.parse().ok()).expect("a time")
}

/// Waits until so many mails are recorded as handed over.
fn until_receipts(swan: &Swan, count: usize) {
    until("the receipts", SOON, || {
        let journal = swan.journal();
        let receipts =
            journal.iter().filter(|entry| entry["fact"]["oncall"]["notification_handed_over"].is_object());
        (receipts.count() == count).then_some(())
    });
}

#[test]
fn a_clock_that_jumps_forward_and_back_pages_nobody_twice_and_breaks_nothing() {
    let Some(library) = libfaketime() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    // The alert outlives the jump; else its page would be over, and rightly so.
    let lasting = "alerting: { resolve_timeout: 1d }\n";
    Team::with_mail_at(mail.port).waiting("30m").and(lasting).write(directory.path());
    let clock = directory.path().join("clock");
    set_clock(&clock, "+0");
    let swan = Start::new(directory.path())
        .with(&["--config", "swan.yaml"])
        .env("LD_PRELOAD", &library.display().to_string())
        .env("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .serve();
    assert_eq!(swan.post("/api/v2/alerts", &critical("Stuck")).status, 200);
    mail.wait_for_mail("the first engineer's mail", |mail| mail.to == "ana@shop.example");
    until_receipts(&swan, 1);

    // An hour passes at once: the wait of half an hour is over, and the step after it has not begun to be.
    set_clock(&clock, "+1h");
    mail.wait_for_mail("the second engineer's mail", |mail| mail.to == "bo@shop.example");
    until_receipts(&swan, 2);
    let ahead = swan.journal().last().unwrap()["at"].clone();

    // And back: what was decided stays, and the journal's time does not run backwards.
    set_clock(&clock, "-1h");
    swan.wait_for_line("the clock was set back");
    swan.tell("/v1/pages/page_1/acknowledge", &json!({}));
    assert_eq!(swan.read("/v1/pages")[0]["state"], "acknowledged");
    let event = br#"{"service":"shop","status":200}"#;
    assert_eq!(swan.caller().post("/v1/events", "application/x-ndjson", event).status, 200);
    let journal = swan.journal();
    let times: Vec<Timestamp> = journal.iter().map(|entry| instant(&entry["at"])).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times.last(), Some(&instant(&ahead)), "time stands still until the clock has caught up");
    assert_eq!(mail.arrived().len(), 2, "{:?}", mail.mails);
    swan.stop();
    verified(directory.path());
}
