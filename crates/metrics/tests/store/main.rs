//! The store as its users see it: what goes in comes out, whatever the disk and the process do meanwhile.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod concurrent;
mod crashed;
mod damaged;
mod failing;
mod hinted;
mod hostile;
mod kept;
mod limited;
mod model_disk;
mod modelled;
mod queried;
mod started;
mod turmoil_disk;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use kernel::Labels;
use metrics::{Appended, Config, Disk, MetricsStore, OpenFault, OpenReport, SeriesSamples};
use promql::{Selection, SeriesSource, TimeRange};

/// The value bits by timestamp, by the labels as text.
type Contents = BTreeMap<String, BTreeMap<i64, u64>>;

const DIR: &str = "/metrics";

fn open(
    disk: &model_disk::ModelDisk,
    config: impl Borrow<Config>,
) -> Result<(MetricsStore, OpenReport), OpenFault> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    MetricsStore::open(disk, DIR, config.borrow().clone())
}

fn contents(store: &MetricsStore) -> Contents {
    let mut contents = Contents::new();
    store
        .select(&Selection::new(&[], TimeRange::ALL), &mut |selected| {
            let samples =
                selected.timestamps.iter().copied().zip(selected.values.iter().map(|v| v.to_bits()));
            assert!(selected.timestamps.is_sorted_by(|a, b| a < b), "{}", selected.labels);
            assert!(contents.insert(selected.labels.to_string(), samples.collect()).is_none());
            ControlFlow::Continue(())
        })
        .unwrap();
    contents
}

/// Appends samples of `up{job="<job>"}`.
fn append(store: &MetricsStore, job: &str, samples: &[(i64, f64)]) -> Appended {
    let labels = [("__name__", "up"), ("job", job)];
    store.append(&[SeriesSamples { labels: &labels, samples }]).unwrap()
}

/// What [`append`] leads to.
fn expected<'a>(series: impl IntoIterator<Item = (&'a str, &'a [(i64, f64)])>) -> Contents {
    let mut contents = Contents::new();
    for (job, samples) in series {
        let labels = Labels::new([("__name__", "up"), ("job", job)]).unwrap();
        let samples = samples.iter().map(|(at_ms, value)| (*at_ms, value.to_bits()));
        contents.entry(labels.to_string()).or_default().extend(samples);
    }
    contents
}
