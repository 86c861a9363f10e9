//! Since when samples count, beside the samples.
//!
//! The companions of what is selected are read first and kept by the labels of their series; a series is then lent
//! with the starts of the timestamps that it is lent with.

use std::collections::HashMap;
use std::ops::ControlFlow;

use promql::{LabelView, Lent, Selection, SourceFault};

use crate::MetricsStore;
use crate::companions::{Kind, OF_FLOATS, RESERVED_LABEL};
use crate::limits::STARTS_READ_MAX;

/// The starts of some series, by their labels.
#[derive(Default)]
pub(super) struct Starts {
    by_labels: HashMap<Vec<u8>, OfSeries>,
}

/// Timestamps and starts, sorted by timestamp.
type Pairs = Vec<(i64, i64)>;

#[derive(Default)]
struct OfSeries {
    floats: Pairs,
    histograms: Pairs,
}

/// Room for what is lent beside one series after the other.
#[derive(Default)]
pub(super) struct Aligned {
    key: Vec<u8>,
    floats: Vec<i64>,
    histograms: Vec<i64>,
}

/// A selection has more starts than are read for one query.
#[derive(Debug, thiserror::Error)]
#[error(
    "the selected samples have more than {STARTS_READ_MAX} start timestamps; select less, or turn \
     `promql.start_timestamps` off"
)]
struct TooManyStarts;

impl MetricsStore {
    /// The starts of what is selected; `None` where there are none.
    pub(super) fn starts_of(&self, selection: &Selection<'_>) -> Result<Option<Starts>, SourceFault> {
        let planned = self.plan_kind(selection, Kind::Starts)?;
        let (mut starts, mut read, mut key) = (Starts::default(), 0, Vec::new());
        self.read_planned(&planned, 0..planned.count(), &mut |lent| {
            read += lent.values.len();
            if read > STARTS_READ_MAX {
                return ControlFlow::Break(());
            }
            write_key(lent.labels, &mut key);
            let series = starts.by_labels.entry(key.clone()).or_default();
            let is_of_floats = lent.labels.get(RESERVED_LABEL) == Some(OF_FLOATS);
            let own = if is_of_floats { &mut series.floats } else { &mut series.histograms };
            own.extend(lent.timestamps.iter().zip(lent.values).map(|(at_ms, start)| (*at_ms, *start as i64)));
            ControlFlow::Continue(())
        })?;
        if read > STARTS_READ_MAX {
            return Err(SourceFault::Select(Box::new(TooManyStarts)));
        }
        Ok(Some(starts).filter(|starts| !starts.by_labels.is_empty()))
    }
}

impl Starts {
    /// The series with its starts, where it has any.
    pub(super) fn lend<'a>(&self, lent: Lent<'a>, aligned: &'a mut Aligned) -> Lent<'a> {
        write_key(lent.labels, &mut aligned.key);
        let Some(series) = self.by_labels.get(&aligned.key) else { return lent };
        align(&series.floats, lent.timestamps, &mut aligned.floats);
        align(&series.histograms, lent.histogram_timestamps, &mut aligned.histograms);
        lent.with_starts(&aligned.floats, &aligned.histograms)
    }
}

/// The start at each timestamp, 0 where it has none; nothing where none has.
fn align(starts: &[(i64, i64)], timestamps: &[i64], aligned: &mut Vec<i64>) {
    aligned.clear();
    let mut rest = starts.iter().peekable();
    for at_ms in timestamps {
        while rest.next_if(|(own_ms, _)| own_ms < at_ms).is_some() {}
        let found = rest.next_if(|(own_ms, _)| own_ms == at_ms);
        aligned.push(found.map_or(0, |(_, start_ms)| *start_ms));
    }
    if aligned.iter().all(|start_ms| *start_ms == 0) {
        aligned.clear();
    }
}

/// The labels without the reserved one, each text after its length.
fn write_key(labels: &dyn LabelView, key: &mut Vec<u8>) {
    key.clear();
    for (name, value) in (0..labels.len()).map(|at| labels.pair(at)) {
        if name == RESERVED_LABEL {
            continue;
        }
        for text in [name, value] {
            key.extend_from_slice(&text.len().to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
    }
}
