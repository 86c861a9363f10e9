//! A store over one file that anybody may have written.

#[path = "../../../crates/metrics/tests/store/model_disk.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "a fuzz target needs a part of what the tests need")]
mod model_disk;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use kernel::Span;
use metrics::{Config, Disk, MetricsStore, OutOfOrder, Policy};
use promql::{Selection, SeriesSource, TimeRange};

use self::model_disk::ModelDisk;

const DIR: &str = "/metrics";

/// Opens a store over the file, reads all of it, and goes on with what is there.
pub fn open_over(file: &str, bytes: &[u8]) {
    let disk = ModelDisk::default();
    let policy = Policy { retention: Span::ZERO, out_of_order: OutOfOrder::Unlimited, ..Policy::default() };
    let open = |disk: ModelDisk| {
        let config = Config { policy: policy.clone(), ..Config::default() };
        MetricsStore::open(Arc::new(disk) as Arc<dyn Disk>, DIR, config)
    };
    if file.ends_with(".checkpoint") {
        // A checkpoint stands beside the segment that follows it.
        let (store, _) = open(disk.clone()).expect("an empty disk can be opened");
        store.checkpoint().expect("a disk in memory does not fail");
    }
    disk.put(&Path::new(DIR).join(file), bytes.to_vec());
    let Ok((store, _)) = open(disk.clone()) else { return };
    let Some(before) = read(&store) else { return };
    if store.checkpoint().is_err() {
        return;
    }
    drop(store);
    let (store, _) = open(disk).expect("what a store wrote it can read");
    assert!(read(&store).expect("what a store wrote it can read") == before);
}

/// Bits of the values by time, by series; `None` where reading finds damage.
fn read(store: &MetricsStore) -> Option<BTreeMap<String, Vec<(i64, u64)>>> {
    let mut all = BTreeMap::new();
    let read = store.select(&Selection::new(&[], TimeRange::ALL), &mut |selected| {
        let bits = selected.values.iter().map(|value| value.to_bits());
        all.insert(selected.labels.to_string(), selected.timestamps.iter().copied().zip(bits).collect());
        ControlFlow::Continue(())
    });
    read.is_ok().then_some(all)
}
