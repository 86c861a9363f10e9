//! `swan demo`: a small company under load, with an outage on its way.
//!
//! Fernhill Shop is a real HTTP service on loopback. Its *customers* make real requests, its *edge* reports each as a
//! request event, an *agent* sends samples by remote write, and Swan, which runs in this process as `swan serve` runs
//! it, scrapes and checks the rest. Mail leaves Swan by SMTP and arrives in an *inbox* that a page shows. *People*
//! answer as people do: by the link in their mail, by signing in, by the API.
//!
//! Guaranteed: nothing reaches Swan but through the doors that anybody uses. The one thing that is put in place
//! beforehand, as its operator would, are passwords, in the directory beside the journal. Nothing is invented for the
//! past: days before the demo are unknown.

mod folder;
mod inbox;
mod limits;
mod pages;
mod peer;
mod people;
mod response;
mod shop;
mod sight;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use kernel::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::folder::Folder;
use self::inbox::Inbox;
use self::limits::{DEPLOY_AFTER, LOOK_EVERY, STORY_TIMEOUT};
use self::pages::{Stage, clock};
use self::peer::Peer;
use self::response::{Response, deploy};
use self::shop::{Events, Shop, check_out, report_events, report_samples, send_heartbeats, stroll};
use self::sight::Sight;
use self::story::Story;
use crate::clock::{Clock, WallClock};
use crate::failure::Failure;
use crate::serve;

/// Where Swan listens, if nobody else does.
const SWAN_PORT: u16 = 7926;
/// Where the demo's page and the shop are.
const STAGE_PORT: u16 = 7927;
/// Where the inbox takes mail.
const INBOX_PORT: u16 = 7928;
/// Customers who stroll, two requests a second each.
const STROLLERS: usize = 8;
/// Customers who buy, five requests in two seconds each.
const BUYERS: usize = 4;

/// What `swan demo` was asked.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where the configuration and the data go, and stay; without it, a temporary directory that goes with the demo
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// End once the story is told: exit code 0, or 1 where it does not end in four minutes
    #[arg(long)]
    exit_after_story: bool,
}

/// Runs until Ctrl-C, until Swan fails, or until the story is over where that was asked.
pub(crate) async fn run(arguments: DemoArguments) -> Result<(), Failure> {
    let folder = Folder::open(arguments.data)?;
    let company = Company::open(&folder).await?;
    let mut tasks = JoinSet::new();
    let (swan, stage) = (company.swan.url(""), company.stage.url("/"));
    let story = company.story.clone();
    let server = company.begin(&folder, &mut tasks).await?;
    println!("A small company under load, with an outage on its way. Open\n\n    {stage}\n");
    println!("  Swan itself     {swan}/");
    println!("  its status page {swan}/status");
    println!("  configuration   {}", folder.configuration().display());
    println!("  Ctrl-C ends it\n");

    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(Box::pin(server.run(async {
        // A sender that is gone is a reason to stop too.
        _ = stopped.await;
    })));
    let ended = tokio::select! {
        ended = &mut serving => return ended.unwrap_or(Err(Failure::Gone)),
        () = interrupted() => Ok(()),
        ended = told_in_time(&story), if arguments.exit_after_story => ended,
    };
    drop(stop);
    tasks.shutdown().await;
    let stopped = serving.await.unwrap_or(Err(Failure::Gone));
    ended.and(stopped)
}

/// Everything that has an address.
struct Company {
    swan: Peer,
    swan_address: SocketAddr,
    stage: Peer,
    stage_listener: TcpListener,
    inbox_listener: TcpListener,
    inbox: Inbox,
    story: Story,
}

impl Company {
    async fn open(folder: &Folder) -> Result<Self, Failure> {
        let swan_address = free_address(SWAN_PORT).await?;
        let stage_listener = listen(STAGE_PORT).await?;
        let inbox_listener = listen(INBOX_PORT).await?;
        let stage_address = address_of(&stage_listener)?;
        folder.write(stage_address, address_of(&inbox_listener)?)?;
        folder.set_passwords()?;
        let tls = egress::tls::Tls::load(None).map_err(Failure::fault("load the trusted certificates"))?;
        let http = egress::http::Client::new(egress::network::Network::system(tls));
        let began = Instant::now();
        Ok(Self {
            swan: Peer::new(http.clone(), format!("http://{swan_address}")),
            swan_address,
            stage: Peer::new(http, format!("http://{stage_address}")),
            stage_listener,
            inbox_listener,
            inbox: Inbox::new(began),
            story: Story::new(began),
        })
    }

    /// Opens the shop and the inbox, starts Swan, and lets everybody in.
    async fn begin(self, folder: &Folder, tasks: &mut JoinSet<()>) -> Result<serve::Server, Failure> {
        let Self { swan, swan_address, stage, stage_listener, inbox_listener, inbox, story } = self;
        let (show, sight) = watch::channel(Sight::default());
        let shop = Shop::default();
        let page = pages::routes(Stage {
            swan: swan.url(""),
            story: story.clone(),
            inbox: inbox.clone(),
            sight: sight.clone(),
            configuration: folder.configuration().display().to_string(),
        });
        let routes = page.merge(shop.routes());
        tasks.spawn(async move {
            // It serves until the task is dropped; a failed accept is tried again by axum itself.
            _ = axum::serve(stage_listener, routes).await;
        });
        tasks.spawn(inbox.clone().receive(inbox_listener));
        let since = WallClock.now();
        let server = Box::pin(serve::start(serve::Options {
            data: folder.data(),
            config: Some(folder.configuration()),
            listen: swan_address,
            trust_loopback: true,
            public_url: Some(swan.url("")),
            sync_each_append: false,
        }))
        .await?;
        let events = Events::default();
        for customer in 0..STROLLERS {
            tasks.spawn(stroll(stage.clone(), events.clone(), customer));
        }
        for _ in 0..BUYERS {
            tasks.spawn(check_out(stage.clone(), events.clone()));
        }
        tasks.spawn(report_events(swan.clone(), events));
        tasks.spawn(report_samples(swan.clone(), shop.clone()));
        tasks.spawn(send_heartbeats(swan.clone()));
        tasks.spawn(watch_swan(swan.clone(), shop, since, story, show));
        tasks.spawn(break_the_checkout(stage.clone()));
        tasks.spawn(Response::new(swan, stage, sight, inbox).play());
        Ok(server)
    }
}

/// Looks at Swan again and again, and tells what happened.
async fn watch_swan(swan: Peer, shop: Shop, since: Timestamp, story: Story, show: watch::Sender<Sight>) {
    let mut rhythm = interval(LOOK_EVERY);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rhythm.tick().await;
        match Box::pin(Sight::of(&swan, since)).await {
            Ok(sight) => {
                let sight = Sight { is_bad: shop.books().is_bad, ..sight };
                for telling in story.tell(&sight) {
                    println!("{:>6}  {}", clock(telling.after), telling.title);
                }
                show.send_replace(sight);
            }
            Err(fault) => {
                tracing::info!(fault = crate::failure::in_full(&fault), "the demo cannot look at Swan");
            }
        }
    }
}

async fn break_the_checkout(shop: Peer) {
    sleep_until(Instant::now() + DEPLOY_AFTER).await;
    if let Err(fault) = deploy(&shop).await {
        tracing::warn!(%fault, "version 42 was not deployed");
    }
}

async fn told_in_time(story: &Story) -> Result<(), Failure> {
    let mut rhythm = interval(LOOK_EVERY);
    while story.began.elapsed() < STORY_TIMEOUT {
        rhythm.tick().await;
        if story.is_over() {
            println!("\nThe story is told, and the demo ends with it.");
            return Ok(());
        }
    }
    let last = story.told().pop().map_or_else(|| "nothing".to_owned(), |telling| telling.title);
    let sentence =
        format!("the story did not end within {} s; the last of it was: {last}", STORY_TIMEOUT.as_secs());
    Err(Failure::Refused { sentence, hint: Some("`SWAN_LOG=info swan demo` says more".to_owned()) })
}

/// Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Listens on this port of loopback, or on any other where somebody has it.
async fn listen(port: u16) -> Result<TcpListener, Failure> {
    match TcpListener::bind(loopback(port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(loopback(0)).await.map_err(Failure::listen(loopback(0).to_string())),
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(Failure::fault("learn which address it listens on"))
}

/// An address that nobody listens on, for Swan to bind. Somebody may take it in between; then Swan says so.
async fn free_address(port: u16) -> Result<SocketAddr, Failure> {
    address_of(&listen(port).await?)
}
