//! `swan serve`: everything in one process over one directory.
//!
//! Start: lock the directory, replay the journal, open the samples, apply the configuration, open the doors. Stop
//! (SIGTERM, SIGINT): close the doors, let what was accepted become durable, keep a snapshot, leave. A fault of the
//! journal ends the process at once; the next start replays it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alerting::templates::Outside;
use engine::{Engine, World};
use facts::Entry;
use journal::Journal;
use kernel::HeartbeatId;
use store::{Directory, SqliteLog, TokenKind};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use web::live::Live;
use web::ports::Ports;

use crate::backtest::BacktestPort;
use crate::clock::{Clock, WallClock};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::intake::IntakePort;
use crate::own_metrics::{OwnCounters, OwnMetrics};
use crate::ports::prometheus::{ProcessPort, StoragePort, about};
use crate::ports::{ConfigurationsPort, DirectoryPort, JournalPort, SamplesPort};
use crate::runtime::crash_watch::CrashWatch;
use crate::runtime::delivery::{Deliverer, Line, Outbox};
use crate::runtime::engine_loop::{EngineLoop, Handle, Listener, SNAPSHOT_VERSION};
use crate::runtime::herald::{Herald, InForce};
use crate::runtime::instruments::Instruments;
use crate::runtime::requests::RequestCounter;
use crate::runtime::rules::arrivals::Arrivals;
use crate::runtime::scrape::{self, Book, ScrapeTools};
use crate::runtime::supervisor::supervise;
use crate::runtime::{heartbeats, maintenance, secrets};
use crate::{process, reload};

/// How long requests that are under way may take once the doors close.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// What `swan serve` was asked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) data: PathBuf,
    /// Applied at start; then nothing else may be applied.
    pub(crate) config: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    /// Callers on loopback need no credentials.
    pub(crate) trust_loopback: bool,
    /// Where people reach this server; the listen address where it is not given.
    pub(crate) public_url: Option<String>,
    /// Every acknowledged sample survives power loss, at the price of an fsync each.
    pub(crate) sync_each_append: bool,
}

impl Options {
    /// By the names that Prometheus has for the same.
    fn flags(&self) -> BTreeMap<String, String> {
        let config = self.config.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let flags = [
            ("config.file", config),
            ("storage.tsdb.path", self.data.display().to_string()),
            ("web.external-url", self.public_url.clone().unwrap_or_default()),
            ("web.listen-address", self.listen.to_string()),
        ];
        flags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Runs until a signal, or until the journal fails.
pub(crate) async fn serve(options: Options) -> Result<(), Failure> {
    process::open_more_files();
    let signal = process::shutdown_signal()?;
    let server = start(options).await?;
    let stopped = async {
        signal.await;
        tracing::info!("stopping: no new requests, what was accepted becomes durable");
    };
    server.run(stopped).await
}

/// A server whose doors are open.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    router: axum::Router,
    handle: Handle,
    ended: oneshot::Receiver<Result<(), Failure>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// Ends when samples can no longer be written.
    upkeep: tokio::task::JoinHandle<metrics::MaintenanceFault>,
    store: Arc<metrics::MetricsStore>,
    _data: DataDir,
}

/// Does everything up to opening the doors.
pub(crate) async fn start(options: Options) -> Result<Server, Failure> {
    let submission = options.config.as_deref().map(crate::config::load).transpose()?;
    let data = DataDir::lock(&options.data)?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let directory =
        Directory::open(&data.path("directory.db")).map_err(Failure::fault("open the directory"))?;
    let (engine, journal) = replay(&data)?;
    let reader = journal.log().reader();
    let next = submission.as_ref().map(|submission| &submission.configuration);
    let storage = next.or(engine.world().configuration()).map(|configuration| &configuration.metrics);
    let policy = storage.map(maintenance::policy).unwrap_or_default();
    let store = Arc::new(open_samples(&data, policy, options.sync_each_append)?);
    store.retain(clock.now()).map_err(Failure::fault("let old samples go"))?;
    admin_token(&directory, &data, &*clock)?;

    let listener =
        TcpListener::bind(options.listen).await.map_err(Failure::listen(options.listen.to_string()))?;
    let address = listener.local_addr().map_err(Failure::listen(options.listen.to_string()))?;
    let public_url = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));

    let (outbox, line) = Outbox::new();
    let (herald, in_force) = Herald::new(engine.world());
    let (teller, live) = web::live::channel(engine.world().head());
    let adopting = Box::new(maintenance::Adopting(Arc::clone(&store)));
    let listeners: Vec<Box<dyn Listener>> =
        vec![Box::new(outbox), Box::new(herald), Box::new(JournalTeller(teller)), adopting];
    let crash_watch = CrashWatch::open(&data)?;
    let (engine_loop, handle) = EngineLoop::new(engine, journal, Arc::clone(&clock), listeners, crash_watch);
    let ended = spawn_loop(engine_loop)?;

    if let Some(submission) = submission {
        reload::apply(submission, &directory, &handle).await?;
    }
    let parts = Parts { options, clock, directory, reader, store, handle, in_force, live, public_url };
    parts.open_doors(listener, address, data, line, ended)
}

/// What is shared between the doors and the tasks.
struct Parts {
    options: Options,
    clock: Arc<dyn Clock>,
    directory: Directory,
    reader: store::SqliteReader,
    store: Arc<metrics::MetricsStore>,
    handle: Handle,
    in_force: watch::Receiver<InForce>,
    live: Live,
    public_url: String,
}

impl Parts {
    fn open_doors(
        self,
        listener: TcpListener,
        address: SocketAddr,
        data: DataDir,
        line: Line,
        ended: oneshot::Receiver<Result<(), Failure>>,
    ) -> Result<Server, Failure> {
        let counters = Arc::new(OwnCounters::default());
        let arrivals = Arc::new(Arrivals::default());
        let samples: Arc<dyn web::ports::Samples> = Arc::new(SamplesPort {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            arrivals: Arc::clone(&arrivals),
        });
        let series: Arc<dyn promql::SeriesSource> = Arc::clone(&self.store) as _;
        let requests = RequestCounter::restore(Arc::clone(&samples), &*series, Arc::clone(&self.clock));
        let requests = Arc::new(requests.map_err(Failure::fault("restore the request counts"))?);
        let tls = egress::tls::Tls::load(None).map_err(Failure::fault("load the trusted certificates"))?;
        let network = egress::network::Network::system(tls);
        let book = Book::open(&self.options.data.join("meanings.jsonl"));
        let book = Arc::new(book.map_err(Failure::fault("read what metrics mean"))?);
        let intake: Arc<dyn web::ports::Intake> = Arc::new(IntakePort {
            samples: Arc::clone(&samples),
            store: Arc::clone(&self.store),
            arrivals: Arc::clone(&arrivals),
            clock: Arc::clone(&self.clock),
            book: Arc::clone(&book),
            in_force: self.in_force.clone(),
        });
        let tools = Instruments {
            engine: Arc::new(self.handle.clone()),
            clock: Arc::clone(&self.clock),
            samples: Arc::clone(&samples),
            intake: Arc::clone(&intake),
            series: Arc::clone(&series),
            requests: Arc::clone(&requests),
            arrivals,
            http: egress::http::Client::new(network.clone()),
            promql: promql::Settings::default(),
            outside: Arc::new(Outside { url: self.public_url.clone(), ..Outside::default() }),
        };
        let scraping = ScrapeTools {
            instruments: tools.clone(),
            intake: Arc::clone(&intake),
            book: Arc::clone(&book),
            directory: self.directory.clone(),
        };
        let deliverer = Deliverer {
            tools: tools.clone(),
            directory: self.directory.clone(),
            network,
            counters: Arc::clone(&counters),
            public_url: self.public_url.clone(),
        };
        let file = self.options.config.clone();
        let reloading =
            reload::run(process::reload_signal()?, file, self.directory.clone(), self.handle.clone());
        let tasks = vec![
            tokio::spawn(reloading),
            tokio::spawn(deliverer.run(line)),
            tokio::spawn(supervise(tools, Arc::clone(&counters), self.in_force.clone())),
            tokio::spawn(scrape::run(scraping, self.in_force.clone())),
        ];
        let upkeep = tokio::spawn(maintenance::run(Arc::clone(&self.store), Arc::clone(&self.clock)));
        let ports = self.ports(samples, intake, book, series, requests, counters);
        let doors = web::Doors {
            trust_loopback: self.options.trust_loopback,
            public_url: self.public_url,
            live: self.live,
        };
        let router = web::router(ports, doors);
        let (handle, store) = (self.handle, self.store);
        Ok(Server { address, listener, router, handle, ended, tasks, upkeep, store, _data: data })
    }

    fn ports(
        &self,
        samples: Arc<dyn web::ports::Samples>,
        intake: Arc<dyn web::ports::Intake>,
        targets: Arc<Book>,
        series: Arc<dyn promql::SeriesSource>,
        requests: Arc<RequestCounter>,
        counters: Arc<OwnCounters>,
    ) -> Ports {
        let in_force = self.in_force.clone();
        let known = move |heartbeat: &HeartbeatId| {
            in_force.borrow().as_ref().is_some_and(|config| config.heartbeats.contains_key(heartbeat))
        };
        let engine: Arc<dyn engine::port::Port> = Arc::new(self.handle.clone());
        let backtest_series = Arc::clone(&series);
        Ports {
            engine: Arc::clone(&engine),
            samples: Arc::clone(&samples),
            storage: Arc::new(StoragePort {
                store: Arc::clone(&self.store),
                snapshots: self.options.data.join("snapshots"),
                clock: Arc::clone(&self.clock),
            }),
            rules: Arc::clone(&counters.rule_book) as _,
            process: Arc::new(ProcessPort {
                about: about(self.clock.now(), self.options.flags()),
                in_force: self.in_force.clone(),
            }),
            intake,
            targets,
            series,
            requests,
            heartbeats: Arc::new(heartbeats::Door {
                engine,
                samples,
                clock: Arc::clone(&self.clock),
                known: Arc::new(known),
            }),
            journal: Arc::new(JournalPort(self.reader.clone())),
            directory: Arc::new(DirectoryPort {
                directory: self.directory.clone(),
                clock: Arc::clone(&self.clock),
            }),
            configurations: Arc::new(ConfigurationsPort {
                directory: self.directory.clone(),
                file: self.options.config.as_ref().map(|path| path.display().to_string()),
            }),
            backtests: Arc::new(BacktestPort::new(backtest_series)),
            clock: Arc::new(WallClock),
            own_metrics: Arc::new(OwnMetrics {
                counters,
                store: Arc::clone(&self.store),
                live: self.live.clone(),
            }),
        }
    }
}

impl Server {
    /// Serves until `stopped`, then drains.
    pub(crate) async fn run(self, stopped: impl Future<Output = ()> + Send + 'static) -> Result<(), Failure> {
        let Self { listener, router, handle, mut ended, tasks, mut upkeep, store, _data, address } = self;
        tracing::info!(%address, "serving");
        let (close, closing) = watch::channel(false);
        let mut closed = closing.clone();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
            // An error means that the sender is gone, which is a reason to stop too.
            _ = closed.wait_for(|close| *close).await;
        });
        let mut serving = tokio::spawn(serving.into_future());
        tokio::select! {
            () = stopped => {}
            fault = &mut ended => return fault.unwrap_or(Err(Failure::Gone)),
            fault = &mut upkeep => {
                let fault = fault.map_err(Failure::fault("keep the samples"))?;
                return Err(Failure::fault("keep the samples")(fault));
            }
            _ = &mut serving => {}
        }
        close.send_replace(true);
        if tokio::time::timeout(DRAIN, serving).await.is_err() {
            tracing::info!("requests that were still under way were cut off");
        }
        upkeep.abort();
        for task in tasks {
            task.abort();
        }
        handle.stop();
        let ended = ended.await.unwrap_or(Err(Failure::Gone));
        store.sync().map_err(Failure::fault("sync the samples"))?;
        ended
    }
}

pub(crate) fn replay(data: &DataDir) -> Result<(Engine, Journal<SqliteLog>), Failure> {
    let log = SqliteLog::open(&data.path("journal.db")).map_err(Failure::fault("open the journal"))?;
    let journal = Journal::open(log).map_err(Failure::fault("open the journal"))?;
    let restore = |snapshot: &journal::Snapshot| {
        let known = snapshot.version == SNAPSHOT_VERSION;
        known.then(|| serde_json::from_slice::<World>(&snapshot.state).ok()).flatten().map(Engine::new)
    };
    let replayed = journal.replay(Engine::default(), restore, |engine, entry: Entry| engine.replay(&entry));
    let replayed = replayed.map_err(Failure::fault("replay the journal"))?;
    tracing::info!(entries = replayed.entries, head = %journal.head().seq, "replayed the journal");
    Ok((replayed.state, journal))
}

pub(crate) fn open_samples(
    data: &DataDir,
    policy: metrics::Policy,
    sync_each_append: bool,
) -> Result<metrics::MetricsStore, Failure> {
    let fsync = if sync_each_append { metrics::Fsync::EachAppend } else { metrics::Fsync::EverySecond };
    let config = metrics::Config { policy, fsync, ..metrics::Config::default() };
    let opened = metrics::MetricsStore::open(Arc::new(metrics::StdDisk), data.path("metrics"), config);
    let (store, report) = opened.map_err(Failure::fault("open the samples"))?;
    if let Some(torn) = &report.torn_end {
        tracing::info!(
            bytes = torn.bytes,
            "cut off what a crash left half written; it was never acknowledged"
        );
    }
    Ok(store)
}

/// On the first start there is nobody yet who could be let in: an administrator's token is left in the directory.
fn admin_token(directory: &Directory, data: &DataDir, clock: &dyn Clock) -> Result<(), Failure> {
    let tokens = directory.tokens().map_err(Failure::fault("read the tokens"))?;
    if tokens.iter().any(|token| token.kind == TokenKind::Admin) {
        return Ok(());
    }
    let token = secrets::token();
    let path = data.write_private("admin.token", &token)?;
    let created = directory.create_token("admin", TokenKind::Admin, &token, clock.now());
    created.map_err(Failure::fault("keep the administrator's token"))?;
    tracing::info!(path = %Path::new(&path).display(), "wrote an administrator's token");
    Ok(())
}

fn spawn_loop(engine_loop: EngineLoop) -> Result<oneshot::Receiver<Result<(), Failure>>, Failure> {
    let (sender, ended) = oneshot::channel();
    let run = move || {
        let result = engine_loop.run().map_err(Failure::fault("append to the journal"));
        // Without a receiver the process is going down already.
        _ = sender.send(result);
    };
    let spawned = std::thread::Builder::new().name("engine".to_owned()).spawn(run);
    spawned.map_err(Failure::fault("start the engine's thread"))?;
    Ok(ended)
}

/// Tells those who follow the journal.
struct JournalTeller(web::live::Teller);

impl Listener for JournalTeller {
    fn recorded(&mut self, world: &World, entries: &[Entry]) {
        self.0.tell(world.head(), entries);
    }
}
