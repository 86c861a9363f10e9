//! A disk that is full: the server says so and ends, because what it cannot write it must not promise; with room
//! again it starts where it was.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::swan::{Start, Swan, skipped, verified};
use crate::team::Team;

const DISK: &str = "12m";

/// A disk that is small. It goes when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this machine lets nobody mount one.
    fn mount(directory: &Path) -> Option<Self> {
        let place = directory.join("data");
        std::fs::create_dir(&place).unwrap();
        let size = format!("size={DISK}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "swan-test"]).arg(&place).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(place));
        }
        skipped("only who may mount a tmpfs can fill a disk");
        None
    }

    /// Leaves no room on it.
    fn fill(&self) {
        let filler =
            std::fs::OpenOptions::new().create(true).append(true).open(self.0.join("filler")).unwrap();
        let block = [0_u8; 4096];
        // Fails where the disk is full, which is what it is for.
        while std::io::Write::write_all(&mut &filler, &block).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn declared(swan: &Swan) -> Vec<Value> {
    swan.read("/v1/incidents").as_array().unwrap().iter().map(|incident| incident["id"].clone()).collect()
}

#[test]
fn a_server_whose_disk_is_full_says_so_and_ends_and_comes_back_with_what_it_promised() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(directory.path()) else { return };
    Team::with_mail_at(9).write(directory.path());
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let mut swan = start
        .clone()
        .expecting("a request could not be served")
        .expecting("no snapshot was kept")
        .expecting("error:")
        .serve();
    let incident = json!({ "service": "shop", "title": "the till is stuck", "severity": "minor" });
    swan.tell("/v1/incidents", &incident);
    disk.fill();

    // Notes until one of them does not fit; each one that was answered has to be there afterwards.
    let mut promised = 0;
    let note = json!({ "text": "x".repeat(4096) });
    while swan
        .caller()
        .send("POST", "/v1/incidents/inc_1/notes", note.to_string().as_bytes())
        .answer_if_any()
        .is_some_and(|answer| answer.status == 200)
    {
        promised += 1;
        assert!(promised < 10_000, "the disk does not fill");
    }
    let status = swan.wait();
    assert_eq!(status.code(), Some(3), "{}", swan.said());
    let said = swan.said();
    let error = said.lines().find(|line| line.starts_with("error: ")).expect("it says why it ended");
    assert!(error.contains("append to the journal") && error.contains("full"), "{error}");
    drop(swan);

    // What the server gave back as it ended is taken too.
    disk.fill();
    let full = start.fails();
    assert_eq!(full.code, Some(3), "on a full disk it does not start: {full:?}");
    disk.make_room();
    let entries = verified(directory.path());
    let swan = start.serve();
    assert_eq!(declared(&swan), [json!("inc_1")]);
    let notes =
        swan.journal().iter().filter(|entry| entry["fact"]["incidents"]["note_written"].is_object()).count();
    assert!(notes >= promised, "{promised} notes were promised and {notes} are there");
    assert!(swan.journal().len() as u64 >= entries);
    swan.tell("/v1/incidents/inc_1/notes", &note);
    swan.stop();
    verified(directory.path());
}

#[test]
fn events_that_do_not_fit_on_the_disk_are_refused_and_those_that_were_taken_stay() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(directory.path()) else { return };
    // Nothing is judged, so that nothing but the events is written.
    Team::with_mail_at(9).judged_by("      []\n").write(directory.path());
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let mut swan = start
        .expecting("a request could not be served")
        .expecting("no snapshot was kept")
        .expecting("error:")
        .serve();
    let caller = swan.caller();
    let send = || {
        let events = b"{\"service\":\"shop\",\"status\":200}\n".repeat(10);
        caller.post("/v1/events", "application/x-ndjson", &events)
    };
    assert_eq!(send().status, 200);
    disk.fill();
    // What was begun of the disk's last block still has room.
    let mut taken = 1;
    let refused = loop {
        let answer = send();
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken < 10_000, "the disk does not fill");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused:?}");
    // Without its samples it would be blind, so it ends, and whoever started it starts it again.
    assert_eq!(swan.wait().code(), Some(3), "{}", swan.said());
    let said = swan.said();
    let error = said.lines().find(|line| line.starts_with("error: ")).expect("it says why it ended");
    assert!(error.contains("keep the samples") && error.contains("No space left on device"), "{error}");
    drop(swan);

    disk.make_room();
    let swan = Start::new(directory.path()).with(&["--config", "swan.yaml"]).serve();
    let counted = swan.query(r#"sum(sum_over_time(swan_requests{source="shop"}[1h]))"#)[0];
    // Of what was answered 503 nobody knows; the sender sends it again.
    assert!((0.0..=10.0).contains(&(counted - f64::from(taken * 10))), "{counted} of {} count", taken * 10);
    swan.stop();
    verified(directory.path());
}
