//! The plug is pulled, again and again: kill -9 between what is accepted, appended, handed over and received.
//!
//! Each run posts critical alerts, as a Prometheus does, and pulls the plug at a point that its seed chooses and that
//! is seen from outside: at the door, on the disk, at the mail server, at the acknowledge page. Then the server starts
//! again over the same directory. What was promised before each kill is compared with what the mailbox saw:
//! every accepted alert was mailed, or acknowledged first; no mail after an acknowledgement that was answered; at most
//! one more copy of a mail that was on its way, under the same key.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kernel::Rng;
use serde_json::{Value, json};

use crate::http::Caller;
use crate::mail::{Mail, MailServer, Point};
use crate::mail_delivery::critical;
use crate::swan::{SOON, Start, Swan, until, verified};
use crate::team::Team;

/// Kills of one run of this test; `SWAN_TEST_KILLS` asks for more.
const KILLS: u64 = 44;
const ALERTS_PER_RUN: u64 = 3;
/// How long after a start somebody may still have to be mailed: well under the lease of a lost attempt, which is how
/// long it would take if a start did not resume what was on its way.
const AFTER_A_START: Duration = Duration::from_secs(30);

/// Where the plug is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plug {
    /// The n-th alert was sent and is not answered.
    AlertSent,
    /// The n-th alert was answered.
    AlertAnswered,
    /// The journal on the disk grew by the n-th alert.
    Appended,
    /// The n-th mail stands here.
    Mail(Point),
    /// The button of the n-th mail was pressed, and is not answered.
    AcknowledgeSent,
    /// It was answered.
    AcknowledgeAnswered,
    /// The mail was refused for now, the page was acknowledged meanwhile, and that was answered.
    AcknowledgedBeforeTheRetry,
    /// The mail is on its way, the page was acknowledged meanwhile, and that was answered.
    AcknowledgedOnTheWay,
}

const PLUGS: [Plug; 11] = [
    Plug::AlertSent,
    Plug::AlertAnswered,
    Plug::Appended,
    Plug::Mail(Point::Recipient),
    Plug::Mail(Point::Data),
    Plug::Mail(Point::Dot),
    Plug::Mail(Point::After),
    Plug::AcknowledgeSent,
    Plug::AcknowledgeAnswered,
    Plug::AcknowledgedBeforeTheRetry,
    Plug::AcknowledgedOnTheWay,
];

/// What the world outside knows.
#[derive(Default)]
struct Outside {
    /// Alerts that were answered 200.
    accepted: BTreeSet<String>,
    /// When the acknowledgement of an alert's page was answered.
    acknowledged: BTreeMap<String, Instant>,
    /// Alerts whose page was acknowledged before the mail could be taken.
    never_mailed: BTreeSet<String>,
}

#[test]
fn whenever_the_plug_is_pulled_somebody_is_paged_and_nobody_is_paged_after_they_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start();
    Team::with_mail_at(mail.port).waiting("1h").write(directory.path());
    let start = Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    let mut outside = Outside::default();
    let mut swan = start.serve();
    let kills = std::env::var("SWAN_TEST_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    for seed in 0..kills {
        let mut rng = Rng::new(seed);
        // Every point has its turn; at which of the run's alerts, the seed says.
        let (plug, nth) = (PLUGS[seed as usize % PLUGS.len()], 1 + rng.below(ALERTS_PER_RUN));
        println!("seed {seed}: kill -9 at {plug:?}, alert {nth} of {ALERTS_PER_RUN}");
        let names: Vec<String> = (1..=ALERTS_PER_RUN).map(|n| format!("Stuck{seed:05}n{n}")).collect();
        let before = mail.arrived().len();
        pull(plug, nth, swan, &mut mail, &names, &mut outside, directory.path());
        mail.go();
        swan = start.serve();
        settle(&swan, &mut mail, &names, &mut outside);
        for late in &mail.mails[before..] {
            assert!(names.iter().any(|name| is_page(late, name)), "a mail of an earlier run: {late:?}");
        }
    }
    judge(&mail.mails, &outside);
    swan.stop();
    let entries = verified(directory.path());
    println!(
        "{kills} kills; {} alerts accepted, {} mails, {} pages acknowledged, {entries} entries",
        outside.accepted.len(),
        mail.arrived().len(),
        outside.acknowledged.len(),
    );
}

fn is_page(mail: &Mail, alert: &str) -> bool {
    mail.subject.contains(alert) && mail.acknowledge_path().is_some()
}

/// Reads how many frames of SQLite's write-ahead log are valid, which the index beside it says at byte 16, and the header
/// of the frame that the journal's next commit writes (sqlite.org/walformat.html).
fn frames(directory: &Path) -> impl Fn() -> (u32, [u8; 24]) {
    let [log, index] = ["wal", "shm"].map(|end| directory.join(format!("data/journal.db-{end}")));
    let [log, index] = [log, index].map(|path| std::fs::File::open(path).unwrap());
    move || {
        let (mut valid, mut header) = ([0; 4], [0; 24]);
        index.read_exact_at(&mut valid, 16).unwrap();
        let valid = u32::from_ne_bytes(valid);
        // Past the end of the log there is nothing yet.
        _ = log.read_at(&mut header, 32 + u64::from(valid) * (24 + 4096)).unwrap();
        (valid, header)
    }
}

/// Plays a run up to its point, and kills the server there.
fn pull(
    plug: Plug,
    nth: u64,
    swan: Swan,
    mail: &mut MailServer,
    names: &[String],
    outside: &mut Outside,
    directory: &Path,
) {
    let chosen = &names[nth as usize - 1];
    let ahead = &names[..nth as usize - 1];
    match plug {
        Plug::AlertSent => {
            outside.accepted.extend(ahead.iter().filter(|name| post(&swan, name)).cloned());
            let asked = send(&swan.caller(), chosen);
            swan.kill();
            drop(asked);
        }
        Plug::AlertAnswered => {
            outside.accepted.extend(names[..nth as usize].iter().filter(|name| post(&swan, name)).cloned());
            swan.kill();
        }
        Plug::Appended => {
            outside.accepted.extend(ahead.iter().filter(|name| post(&swan, name)).cloned());
            let frames = frames(directory);
            let before = frames();
            let asked = send(&swan.caller(), chosen);
            let begun = Instant::now();
            while frames() == before {
                assert!(begun.elapsed() < SOON, "the journal does not grow");
            }
            swan.kill();
            drop(asked);
        }
        Plug::Mail(point) => {
            mail.hold(point, nth as u32);
            let sender = Sender::start(&swan, names);
            mail.wait_until_held();
            swan.kill();
            outside.accepted.extend(sender.end());
        }
        Plug::AcknowledgeSent | Plug::AcknowledgeAnswered => {
            outside.accepted.extend(names.iter().filter(|name| post(&swan, name)).cloned());
            let page = mail.wait_for_mail("the page", |mail| is_page(mail, chosen));
            let button = page.acknowledge_path().expect("it has a link");
            let asked = swan
                .caller()
                .header("Content-Type", "application/x-www-form-urlencoded")
                .send("POST", &button, b"");
            if plug == Plug::AcknowledgeAnswered {
                assert_eq!(asked.answer().status, 303);
                outside.acknowledged.insert(chosen.clone(), Instant::now());
                swan.kill();
            } else {
                swan.kill();
                drop(asked);
            }
        }
        Plug::AcknowledgedBeforeTheRetry => {
            mail.misdeed("refuse");
            outside.never_mailed.insert(names[0].clone());
            outside.accepted.extend(names[..1].iter().filter(|name| post(&swan, name)).cloned());
            mail.wait_for("refused");
            acknowledge(&swan, &names[0], outside);
            swan.kill();
        }
        Plug::AcknowledgedOnTheWay => {
            mail.hold(Point::Recipient, 1);
            outside.accepted.extend(names[..1].iter().filter(|name| post(&swan, name)).cloned());
            mail.wait_until_held();
            outside.never_mailed.insert(names[0].clone());
            acknowledge(&swan, &names[0], outside);
            swan.kill();
        }
    }
}

fn send(caller: &Caller, alert: &str) -> crate::http::Asked {
    let sender = caller.clone().header("Content-Type", "application/json");
    sender.send("POST", "/api/v2/alerts", critical(alert).to_string().as_bytes())
}

/// True where it was accepted.
fn post(swan: &Swan, alert: &str) -> bool {
    send(&swan.caller(), alert).answer_if_any().is_some_and(|answer| answer.status == 200)
}

/// Posts alerts from a thread of its own, so that the mail server can be watched meanwhile.
struct Sender {
    accepted: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Sender {
    fn start(swan: &Swan, names: &[String]) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let (caller, names, noted) = (swan.caller(), names.to_vec(), Arc::clone(&accepted));
        let thread = std::thread::spawn(move || {
            for name in names {
                // A server that is gone takes no connection, which ends the thread.
                match send(&caller, &name).answer_if_any() {
                    Some(answer) if answer.status == 200 => noted.lock().unwrap().push(name),
                    _ => return,
                }
            }
        });
        Self { accepted, thread }
    }

    fn end(self) -> Vec<String> {
        // It panics where the server was killed before its next connection.
        _ = self.thread.join();
        self.accepted.lock().unwrap().clone()
    }
}

fn page_of(swan: &Swan, alert: &str) -> Option<Value> {
    let pages = swan.read("/v1/pages");
    pages
        .as_array()?
        .iter()
        .find(|page| page["title"].as_str().is_some_and(|title| title.contains(alert)))
        .cloned()
}

fn acknowledge(swan: &Swan, alert: &str, outside: &mut Outside) {
    let page = until("the alert's page", SOON, || page_of(swan, alert));
    swan.tell(&format!("/v1/pages/{}/acknowledge", page["id"].as_str().unwrap()), &json!({}));
    outside.acknowledged.entry(alert.to_owned()).or_insert_with(Instant::now);
}

/// After a kill: senders send again what was not answered, everybody who has to be mailed is, nothing is left on its
/// way, and all pages are acknowledged.
fn settle(swan: &Swan, mail: &mut MailServer, names: &[String], outside: &mut Outside) {
    for name in names {
        if !outside.accepted.contains(name) {
            assert!(post(swan, name), "a server that runs takes alerts");
            outside.accepted.insert(name.clone());
        }
        let page = until("the alert's page", SOON, || page_of(swan, name));
        if page["state"] == "walking" {
            let what = format!("the page of {name}");
            mail.wait_for_mail_within(AFTER_A_START, &what, |mail| is_page(mail, name));
        }
    }
    until("everything to be handed over", SOON, || on_their_way(&swan.journal()).is_empty().then_some(()));
    for name in names {
        acknowledge(swan, name, outside);
    }
    mail.listen(Duration::ZERO);
}

/// Notifications that were intended and have no end.
fn on_their_way(journal: &[Value]) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for fact in journal.iter().map(|entry| &entry["fact"]["oncall"]) {
        let of = |kind: &str| fact[kind]["notification"].as_str().map(str::to_owned);
        open.extend(of("notification_intended"));
        for end in ["notification_handed_over", "notification_abandoned"] {
            if let Some(ended) = of(end) {
                open.remove(&ended);
            }
        }
    }
    open
}

/// What the mailbox saw, against what was promised.
fn judge(mails: &[Mail], outside: &Outside) {
    for alert in &outside.accepted {
        let pages: Vec<&Mail> = mails.iter().filter(|mail| is_page(mail, alert)).collect();
        let answered = outside.acknowledged.get(alert).expect("every page was acknowledged in the end");
        if outside.never_mailed.contains(alert) {
            assert!(pages.is_empty(), "{alert} was acknowledged before it was mailed: {pages:?}");
            continue;
        }
        assert!(!pages.is_empty(), "nobody was paged for {alert}");
        assert!(pages.len() <= 2, "{} mails for {alert}, and there was one kill", pages.len());
        assert!(pages.iter().all(|mail| mail.message_id == pages[0].message_id), "one key: {pages:?}");
        for page in pages {
            assert!(
                page.arrived <= *answered,
                "{alert} was mailed {:?} after its acknowledgement",
                page.arrived - *answered
            );
        }
    }
}
