//! The server and the command line, run from the binary that was just built.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Answer, Caller, in_a_query};

/// How long anything may take that usually takes a moment: the machine may be busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Between two looks at something that cannot tell by itself that it changed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see, and gives it.
///
/// # Panics
/// When `limit` has passed without it.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Says that a test cannot run here. Where `SWAN_TEST_NO_SKIP` is set that is a failure.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("SWAN_TEST_NO_SKIP").is_none(), "a test may not be skipped here: {why}");
    // Written past the test runner's capture, so that a skipped test is never taken for one that passed.
    _ = writeln!(std::io::stderr().lock(), "SKIPPED: {why}");
}

/// The command line, in a directory of its own so that its messages name no path of this machine.
pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swan"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for name in ["SWAN_TOKEN", "SWAN_SERVER", "SWAN_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Runs the command line to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Ran {
    Ran::of(command(directory, arguments).output().expect("the binary runs"))
}

/// The same with something on standard input.
pub(crate) fn run_with_input(directory: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = command(directory, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the binary ends");
    // Whoever does not read its input to the end closes it.
    _ = writer.join().expect("writing does not panic");
    Ran::of(output)
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Its result as JSON, where it went well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.stdout))
    }

    /// Everything that a person sees, with the exit code.
    pub(crate) fn seen(&self) -> String {
        let code = self.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        format!("{}{}exit code {code}", self.stdout, self.stderr)
    }
}

/// Lines of a server's log, as they come.
#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    grew: Condvar,
}

impl Log {
    /// A test that fails while it looks leaves the lines as they were.
    fn look(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Lines {
    all: VecDeque<String>,
    ended: bool,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    directory: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    expected: Vec<String>,
}

impl Start {
    /// Over `directory/data`, on a free port of loopback, where callers need no credentials.
    pub(crate) fn new(directory: &Path) -> Self {
        let arguments = ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--trust-loopback"];
        Self {
            directory: directory.to_owned(),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            expected: Vec::new(),
        }
    }

    /// Callers need credentials, on loopback too.
    pub(crate) fn trusting_nobody(mut self) -> Self {
        self.arguments.retain(|argument| argument != "--trust-loopback");
        self
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A WARN or ERROR with this text in it is part of the story.
    pub(crate) fn expecting(mut self, text: &str) -> Self {
        self.expected.push(text.to_owned());
        self
    }

    fn spawn(&self) -> Child {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = command(&self.directory, &arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    }

    /// Starts it and waits until it serves.
    pub(crate) fn serve(&self) -> Swan {
        let mut swan = self.begin();
        let serving = swan.wait_for_line("\"message\":\"serving\"");
        let line: Value = serde_json::from_str(&serving).expect("the log is JSON");
        swan.address = line["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        swan
    }

    /// Starts it where it cannot come up, and gives what it said.
    pub(crate) fn fails(&self) -> Ran {
        // Whatever it says is what the test is about.
        let mut swan = self.clone().expecting("").begin();
        let code = swan.wait().code();
        Ran { code, stdout: String::new(), stderr: swan.said() }
    }

    fn begin(&self) -> Swan {
        let mut child = self.spawn();
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("it is piped");
        let filled = Arc::clone(&log);
        let reader = std::thread::spawn(move || fill(&filled, stderr));
        Swan {
            child,
            log,
            reader: Some(reader),
            expected: self.expected.clone(),
            directory: self.directory.clone(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ended: None,
        }
    }
}

fn fill(log: &Log, stderr: impl std::io::Read) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { break };
        log.look().all.push_back(line);
        log.grew.notify_all();
    }
    log.look().ended = true;
    log.grew.notify_all();
}

/// A server that runs. It is killed when it is dropped.
pub(crate) struct Swan {
    child: Child,
    log: Arc<Log>,
    reader: Option<std::thread::JoinHandle<()>>,
    expected: Vec<String>,
    directory: PathBuf,
    pub(crate) address: SocketAddr,
    ended: Option<ExitStatus>,
}

impl Swan {
    /// What it is reached at.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody without credentials.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.caller().get(path)
    }

    /// What a path answers as JSON, where it answers 200.
    pub(crate) fn read(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.caller().post(path, "application/json", body.to_string().as_bytes())
    }

    /// Posts and gives what it led to, where it is answered 200.
    pub(crate) fn tell(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The values that an expression has at this moment, as Prometheus's clients ask for them.
    pub(crate) fn query(&self, expression: &str) -> Vec<f64> {
        let answer = self.read(&format!("/api/v1/query?query={}", in_a_query(expression)));
        let result = answer["data"]["result"].as_array().expect("an instant vector");
        let value = |element: &Value| element["value"][1].as_str().and_then(|text| text.parse().ok());
        result.iter().map(|element| value(element).expect("a number")).collect()
    }

    /// A command of the command line that speaks to this server.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let (url, mut all) = (self.url(), arguments.to_vec());
        all.extend(["--server", &url]);
        run(&self.directory, &all)
    }

    /// All facts of the journal, in order.
    pub(crate) fn journal(&self) -> Vec<Value> {
        journal(&self.caller())
    }

    /// The same, with the administrator's token.
    pub(crate) fn journal_as_admin(&self, directory: &Path) -> Vec<Value> {
        let token = std::fs::read_to_string(directory.join("data/admin.token")).expect("it was written");
        journal(&self.caller().bearer(token.trim()))
    }

    /// Waits until a line of the log has this text, and gives the first such line.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        let begun = Instant::now();
        let mut lines = self.log.look();
        loop {
            if let Some(line) = lines.all.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let all = || lines.all.iter().fold(String::new(), |all, line| all + line + "\n");
            assert!(!lines.ended, "the server ended and did not say `{text}`:\n{}", all());
            assert!(begun.elapsed() < SOON, "waited {SOON:?} for `{text}` in the log:\n{}", all());
            let waited = self.log.grew.wait_timeout(lines, Duration::from_secs(1));
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What of the log speaks of trouble that the test did not expect. What is no JSON is a panic's message.
    fn trouble(&self) -> Vec<String> {
        let lines = self.log.look();
        let is_trouble = |line: &&String| match serde_json::from_str::<Value>(line) {
            Ok(value) => matches!(value["level"].as_str(), Some("WARN" | "ERROR")),
            Err(_) => true,
        };
        let is_expected = |line: &&String| self.expected.iter().any(|text| line.contains(text));
        lines.all.iter().filter(is_trouble).filter(|line| !is_expected(line)).cloned().collect()
    }

    /// Whatever it said so far.
    pub(crate) fn said(&self) -> String {
        self.log.look().all.iter().fold(String::new(), |all, line| all + line + "\n")
    }

    /// Asks it to stop, as an operator does.
    pub(crate) fn ask_to_stop(&self) {
        signal(&self.child, "TERM");
    }

    /// Asks it to read its configuration again.
    pub(crate) fn ask_to_reload(&self) {
        signal(&self.child, "HUP");
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        self.ask_to_stop();
        let status = self.wait();
        assert_eq!(
            status.code(),
            Some(0),
            "SIGTERM ends the server with exit code 0: {status:?}\n{}",
            self.said()
        );
    }

    /// Pulls the plug: kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.wait();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = until("the server to end", SOON, || child.try_wait().expect("it can be waited for"));
        self.read_out();
        self.ended = Some(status);
        status
    }

    fn read_out(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
    }
}

/// SIGTERM. The shell's own `kill`, because no other is certain to be installed.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status();
    assert!(sent.expect("there is a shell").success());
}

impl Drop for Swan {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // It may have ended by itself meanwhile.
            _ = self.child.kill();
            _ = self.child.wait();
            self.read_out();
        }
        if std::thread::panicking() {
            eprintln!("--- what the server at {} said\n{}---", self.address, self.said());
            return;
        }
        let trouble = self.trouble();
        assert!(trouble.is_empty(), "the server's log speaks of trouble:\n{}", trouble.join("\n"));
    }
}

fn journal(caller: &Caller) -> Vec<Value> {
    let mut entries: Vec<Value> = Vec::new();
    loop {
        let after = entries.last().and_then(|entry| entry["seq"].as_u64()).unwrap_or(0);
        let Value::Array(more) = caller.get(&format!("/v1/journal?after={after}")).json() else {
            panic!("the journal is a list")
        };
        if more.is_empty() {
            return entries;
        }
        entries.extend(more);
    }
}

/// What `swan verify` finds about a data directory that no server has.
pub(crate) fn verified(directory: &Path) -> u64 {
    let verified = run(directory, &["verify", "data", "--json"]).json();
    assert_eq!(verified["valid"], true, "{verified}");
    verified["entries"].as_u64().expect("a number")
}
