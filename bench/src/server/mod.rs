//! The servers that are compared. Each starts over a fresh directory on a port of loopback and is driven by the same
//! calls; what differs between them is said here and nowhere else.

mod prometheus;
mod swan;
mod victoria;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::http::{Caller, in_a_query};
use crate::process::{Process, Weight};
use crate::{Outcome, clock};

/// How long a server may take until it answers.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long compaction may take.
pub(crate) const COMPACT_MAX: Duration = Duration::from_secs(300);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Prometheus,
    Victoria,
    Swan,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Prometheus, Self::Victoria, Self::Swan];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Victoria => "VictoriaMetrics",
            Self::Swan => "Swan",
        }
    }

    /// When it answers that a write is accepted.
    pub(crate) const fn acknowledges(self) -> &'static str {
        match self {
            Self::Prometheus => "from its log, in the page cache: survives kill -9",
            Self::Victoria => "from memory: kill -9 takes the last seconds",
            Self::Swan => "from its log, in the page cache, synced each second: survives kill -9",
        }
    }
}

/// Where the programs are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Programs {
    /// Swan; else `target/release/swan`
    #[arg(long, env = "BENCH_SWAN", value_name = "FILE")]
    swan: Option<PathBuf>,
    /// Prometheus; else `target/peers`, else PATH
    #[arg(long, env = "BENCH_PROMETHEUS", value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// VictoriaMetrics, with `vmalert` beside it; else `target/peers`, else PATH
    #[arg(long, env = "BENCH_VICTORIA", value_name = "FILE")]
    victoria: Option<PathBuf>,
    /// Before a server is stopped, wait for a line on the standard input: a profiler can look at it
    #[arg(long)]
    hold: bool,
}

impl Programs {
    /// The program of a server, where it is installed.
    pub(crate) fn of(&self, kind: Kind) -> Option<PathBuf> {
        let (given, name) = match kind {
            Kind::Swan => (&self.swan, "swan"),
            Kind::Prometheus => (&self.prometheus, "prometheus"),
            Kind::Victoria => (&self.victoria, "victoria-metrics"),
        };
        if let Some(path) = given {
            return path.canonicalize().ok();
        }
        let beside = match kind {
            Kind::Swan => PathBuf::from("target/release/swan"),
            Kind::Prometheus | Kind::Victoria => Path::new("target/peers/usr/bin").join(name),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|directory| directory.join(name));
        std::iter::once(beside).chain(on_path).find(|path| path.is_file())?.canonicalize().ok()
    }

    /// What it says of its version.
    pub(crate) fn version(&self, kind: Kind) -> Option<String> {
        let asked = std::process::Command::new(self.of(kind)?).arg("--version").output().ok()?;
        let said =
            String::from_utf8_lossy(if asked.stdout.is_empty() { &asked.stderr } else { &asked.stdout })
                .into_owned();
        // A build may have none.
        let version =
            said.lines().next().and_then(|line| line.split(" (").next()).filter(|line| !line.is_empty());
        Some(version.unwrap_or("of a version that it does not tell").to_owned())
    }
}

/// How a server is started beyond what all runs have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// A rule file, judged from the start.
    pub(crate) rules: Option<PathBuf>,
    /// Who is told of alerts.
    pub(crate) receiver: Option<SocketAddr>,
    /// Seconds between two evaluations of the rules.
    pub(crate) interval_s: u32,
    /// Swan's configuration beside its rules.
    pub(crate) configuration: String,
    /// The clock that the server sees: where it begins, and how often it ticks for each tick of ours.
    pub(crate) clock: Option<FastClock>,
    /// Experimental functions, native histograms, and samples of any age.
    pub(crate) everything_on: bool,
}

/// A clock of libfaketime.
#[derive(Debug, Clone)]
pub(crate) struct FastClock {
    pub(crate) library: PathBuf,
    pub(crate) starts_at_s: i64,
    pub(crate) speed: u32,
}

/// A server that runs. It is killed when it is dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    directory: PathBuf,
    processes: Vec<Process>,
    is_held: bool,
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_held {
            let (name, directory) = (self.kind.name(), self.directory.display());
            eprintln!("{name} answers at {} over {directory}; Enter stops it", self.address);
            // Whoever closes the input wants it to end, too.
            _ = std::io::stdin().read_line(&mut String::new());
        }
    }
}

impl Server {
    /// Starts over `directory`, which has to be empty or of an earlier start, and waits until it answers.
    pub(crate) fn start(programs: &Programs, kind: Kind, directory: &Path, wishes: &Wishes) -> Outcome<Self> {
        std::fs::create_dir_all(directory)?;
        let directory = directory.canonicalize()?;
        let program = programs.of(kind).ok_or_else(|| format!("{} is not installed", kind.name()))?;
        // Freed at once; that another program takes it meanwhile shows as a server that does not start.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let processes = match kind {
            Kind::Swan => swan::start(&program, &directory, address, wishes)?,
            Kind::Prometheus => prometheus::start(&program, &directory, address, wishes)?,
            Kind::Victoria => victoria::start(&program, &directory, address, wishes)?,
        };
        let mut server = Self { kind, address, directory, processes, is_held: programs.hold };
        server.wait_until_ready()?;
        if kind == Kind::Victoria && wishes.rules.is_some() {
            server.processes.push(victoria::start_rules(&program, &server.directory, address, wishes)?);
        }
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Outcome<()> {
        let (log, address, kind) = (self.directory.join("log"), self.address, self.kind);
        let processes = &mut self.processes;
        clock::until("a server to answer", READY_MAX, || {
            if processes.iter_mut().any(Process::has_ended) {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                return Err(format!("{} did not start: {}", kind.name(), last.join(" | ")).into());
            }
            let path = if kind == Kind::Prometheus { "/-/ready" } else { "/api/v1/query?query=1" };
            Ok(Caller::new(address).get(path).ok().filter(|answer| answer.status == 200).map(drop))
        })
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.address)
    }

    /// Where remote write 1.0 is posted to.
    pub(crate) const fn write_path(&self) -> &'static str {
        "/api/v1/write"
    }

    /// The weight of all its processes.
    pub(crate) fn weight(&self) -> Outcome<Weight> {
        let mut total = Weight::default();
        for process in &self.processes {
            let weight = process.weight()?;
            total.cpu_s += weight.cpu_s;
            total.rss_bytes += weight.rss_bytes;
            total.rss_peak_bytes += weight.rss_peak_bytes;
        }
        Ok(total)
    }

    /// What is on disk once everything is compacted: blocks with their index, without the log.
    pub(crate) fn compacted_bytes(&self) -> Outcome<u64> {
        match self.kind {
            Kind::Swan => swan::compacted_bytes(self),
            Kind::Prometheus => prometheus::compacted_bytes(self),
            Kind::Victoria => victoria::compacted_bytes(self),
        }
    }

    /// Makes what was written visible to queries.
    pub(crate) fn flush(&self) -> Outcome<()> {
        if self.kind == Kind::Victoria {
            self.caller().get("/internal/force_flush")?.successful("flush")?;
        }
        Ok(())
    }

    /// The result of an instant query.
    pub(crate) fn query(&self, caller: &mut Caller, expression: &str, at_ms: i64) -> Outcome<Value> {
        let time = seconds(at_ms);
        let target = format!("/api/v1/query?nocache=1&time={time}&query={}", in_a_query(expression));
        result(&caller.get(&target)?.json()?)
    }

    /// The result of a range query.
    pub(crate) fn query_range(
        &self,
        caller: &mut Caller,
        expression: &str,
        (from_ms, to_ms): (i64, i64),
        step_s: i64,
    ) -> Outcome<Value> {
        let (from, to, query) = (seconds(from_ms), seconds(to_ms), in_a_query(expression));
        let target =
            format!("/api/v1/query_range?nocache=1&start={from}&end={to}&step={step_s}&query={query}");
        result(&caller.get(&target)?.json()?)
    }
}

/// A time as queries take it.
pub(crate) fn seconds(at_ms: i64) -> String {
    format!("{}.{:03}", at_ms.div_euclid(1000), at_ms.rem_euclid(1000))
}

fn result(answer: &Value) -> Outcome<Value> {
    if answer["status"] == "success" {
        return Ok(answer["data"]["result"].clone());
    }
    Err(format!("refused: {}", answer["error"].as_str().unwrap_or("without a reason")).into())
}
