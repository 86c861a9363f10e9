//! A stage for tests of the runtime's tasks: a real metrics store in a directory of its own, a clock that the test
//! sets, and an engine that nobody may ask.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::Command;
use engine::port::{Port, Reply, Unavailable, View};
use kernel::{Actor, Timestamp};
use promql::SeriesSource;
use web::ports::{Intake, Samples};

use super::instruments::Instruments;
use super::requests::RequestCounter;
use super::rules::arrivals::Arrivals;
use crate::clock::Clock;
use crate::intake::IntakePort;
use crate::ports::SamplesPort;

/// A clock that stands still until it is set.
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now.as_millis())))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct NoEngine;

impl Port for NoEngine {
    fn submit(&self, _: Actor, command: Command, _: Reply) -> Result<(), Unavailable> {
        panic!("nobody asks the engine here: {command:?}")
    }

    fn view(&self, _: View) -> Result<(), Unavailable> {
        panic!("nobody asks the engine here")
    }
}

/// What a process has once it started over this directory.
pub(crate) fn instruments(dir: &Path, clock: &Arc<SetClock>) -> Instruments {
    let opened = metrics::MetricsStore::open(Arc::new(metrics::StdDisk), dir, metrics::Config::default());
    let store = Arc::new(opened.expect("the directory is a store, or empty").0);
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let arrivals = Arc::new(Arrivals::default());
    let samples: Arc<dyn Samples> = Arc::new(SamplesPort {
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        arrivals: Arc::clone(&arrivals),
    });
    let intake: Arc<dyn Intake> = Arc::new(IntakePort {
        samples: Arc::clone(&samples),
        store: Arc::clone(&store),
        arrivals: Arc::clone(&arrivals),
        clock: Arc::clone(&clock),
        book: Arc::default(),
        in_force: tokio::sync::watch::channel(None).1,
    });
    let series: Arc<dyn SeriesSource> = store;
    let requests = RequestCounter::restore(Arc::clone(&samples), &*series, Arc::clone(&clock));
    let tls = egress::tls::Tls::load(None).expect("the machine has certificates, or ours are used");
    Instruments {
        engine: Arc::new(NoEngine),
        clock,
        samples,
        intake,
        series,
        requests: Arc::new(requests.expect("the store can be read")),
        arrivals,
        http: egress::http::Client::new(egress::network::Network::system(tls)),
        promql: promql::Settings::default(),
        outside: Arc::default(),
    }
}
