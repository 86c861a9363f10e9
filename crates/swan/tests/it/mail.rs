//! A mail server that can fail, delay and drop: `py/mailbox.py` over aiosmtpd, steered by the test.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::swan::SOON;

/// A mail that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) message_id: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) arrived: Instant,
}

impl Mail {
    fn of(event: &Value, arrived: Instant) -> Self {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        Self {
            to: event["to"][0].as_str().expect("one recipient").to_owned(),
            message_id: text("message_id"),
            subject: text("subject"),
            text: text("text"),
            tls: event["tls"] == true,
            user: event["user"].as_str().map(str::to_owned),
            arrived,
        }
    }

    /// The path of the page behind its button: `/ack/…`.
    pub(crate) fn acknowledge_path(&self) -> Option<String> {
        let (_, link) = self.text.split_once("Acknowledge: ")?;
        let link = link.split_whitespace().next()?;
        Some(link[link.find("/ack/")?..].to_owned())
    }
}

/// Where a conversation stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The recipient was named, and is not answered.
    Recipient,
    /// The mail is announced, and not let in.
    Data,
    /// The mail is whole, and not answered.
    Dot,
    /// The mail was answered.
    After,
}

impl Point {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Point::Recipient => "rcpt",
            Point::Data => "data",
            Point::Dot => "dot",
            Point::After => "after",
        }
    }
}

/// A mail server that runs. It ends when it is dropped.
pub(crate) struct MailServer {
    child: Child,
    orders: ChildStdin,
    events: Receiver<(Instant, Value)>,
    pub(crate) port: u16,
    /// Every mail that arrived so far.
    pub(crate) mails: Vec<Mail>,
    /// Everything else that was told and not asked for yet.
    other: Vec<Value>,
}

impl MailServer {
    /// In clear, without credentials.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/py/mailbox.py");
        let mut command = Command::new(python());
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python runs");
        let orders = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).expect("it tells JSON");
                if sender.send((Instant::now(), event)).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { child, orders, events, port: 0, mails: Vec::new(), other: Vec::new() };
        let listening = server.wait_for("listening");
        server.port = listening["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        server
    }

    fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").and_then(|()| self.orders.flush()).expect("it takes orders");
    }

    /// What it does with the next mail: `refuse`, `refuse_for_good`, `drop_before_dot`, `drop_after_dot`.
    pub(crate) fn misdeed(&mut self, what: &str) {
        self.order(&json!({ "do": what }));
    }

    /// The n-th mail from now stands still at a point, until [`Self::go`].
    pub(crate) fn hold(&mut self, point: Point, nth: u32) {
        self.order(&json!({ "hold": point.word(), "nth": nth }));
    }

    pub(crate) fn go(&mut self) {
        self.order(&json!({ "go": true }));
    }

    /// Waits until a conversation stands at the point where it was told to.
    pub(crate) fn wait_until_held(&mut self) {
        self.wait_for("at");
    }

    /// Takes in what was told, waiting at most so long for the next thing; false where nothing came.
    pub(crate) fn listen(&mut self, limit: Duration) -> bool {
        match self.events.recv_timeout(limit) {
            Ok((arrived, event)) if event["event"] == "mail" => self.mails.push(Mail::of(&event, arrived)),
            Ok((_, event)) => self.other.push(event),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => panic!("the mail server ended"),
        }
        true
    }

    /// Waits for something that is no mail.
    pub(crate) fn wait_for(&mut self, event: &str) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(place) = self.other.iter().position(|told| told["event"] == event) {
                return self.other.remove(place);
            }
            assert!(begun.elapsed() < SOON, "waited {SOON:?} for `{event}` of the mail server");
            self.listen(Duration::from_secs(1));
        }
    }

    /// Waits for the first mail that is as wanted.
    pub(crate) fn wait_for_mail(&mut self, what: &str, is_it: impl Fn(&Mail) -> bool) -> Mail {
        self.wait_for_mail_within(SOON, what, is_it)
    }

    /// The same, where a promise says how long it may take.
    pub(crate) fn wait_for_mail_within(
        &mut self,
        limit: Duration,
        what: &str,
        is_it: impl Fn(&Mail) -> bool,
    ) -> Mail {
        let begun = Instant::now();
        loop {
            if let Some(mail) = self.mails.iter().find(|mail| is_it(mail)) {
                return mail.clone();
            }
            assert!(begun.elapsed() < limit, "waited {limit:?} for {what}; there are {:#?}", self.mails);
            self.listen(Duration::from_secs(1));
        }
    }

    /// Everything that arrived by this time.
    pub(crate) fn arrived(&mut self) -> &[Mail] {
        while self.listen(Duration::ZERO) {}
        &self.mails
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended by itself, which a test has noticed by now.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A Python that has aiosmtpd: the one that `make test` prepared, or one that is made on the spot.
///
/// # Panics
/// When there is none and none can be made: without mail nothing that pages can be tested.
pub(crate) fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("SWAN_TEST_PYTHON").map(PathBuf::from);
    let prepared = [named, Some(root.join(".venv/bin/python"))].into_iter().flatten();
    prepared.into_iter().find(|python| has_what_tests_need(python)).unwrap_or_else(make_python)
}

fn has_what_tests_need(python: &Path) -> bool {
    let asked = Command::new(python)
        .args(["-c", "import aiosmtpd, prometheus_client"])
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// One environment for all tests, which may run in several processes: whoever has the lock makes it.
fn make_python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(home).expect("the target directory can be written");
    let lock = File::create(home.join("python.lock")).expect("the target directory can be written");
    lock.lock().expect("a lock");
    let python = home.join("python/bin/python");
    if has_what_tests_need(&python) {
        return python;
    }
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requirements.txt");
    let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let made = done(Command::new("python3").args(["-m", "venv"]).arg(home.join("python")))
        && done(
            Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&wanted),
        );
    assert!(
        made && has_what_tests_need(&python),
        "there is no Python with aiosmtpd and prometheus_client, and none could be made (python3 with venv, and a package index)\n\
         hint: `.ci/prepare test` makes one, or name yours in SWAN_TEST_PYTHON"
    );
    python
}
