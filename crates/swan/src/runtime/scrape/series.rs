//! What a target exposed, turned into the series that are stored.
//!
//! A target's *memory* knows each series by what the target wrote of it, so that a steady target costs one look-up a
//! sample: labels are joined, clashes renamed and steps applied once, when a series is first seen. The memory is also
//! what tells which series are gone.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use facts::configuration::{NameValidation, ScrapeConfig};
use kernel::Labels;
use signals::exposition::{self, Label};
use signals::histogram::Histogram;
use web::native;

use super::limits::SAMPLES_MAX;
use super::relabel::{LabelMap, Steps, is_label_name};

/// Sorted by name, the metric's name among them.
pub(super) type Pairs = Box<[(Box<str>, Box<str>)]>;

/// What a job does with samples.
pub(super) struct Treatment<'j> {
    pub(super) config: &'j ScrapeConfig,
    pub(super) steps: &'j Steps,
    /// The labels of the target.
    pub(super) target: &'j Labels,
}

/// Every series of a target's last scrape.
#[derive(Default)]
pub(super) struct Memory {
    places: HashMap<Box<[u8]>, usize>,
    series: Vec<Known>,
    round: u64,
    key: Vec<u8>,
}

struct Known {
    key: Box<[u8]>,
    /// `None` where relabelling dropped it.
    labels: Option<Pairs>,
    /// The first scrape that had it, and the last.
    first: u64,
    seen: u64,
    /// The time of its last sample.
    at_ms: i64,
    /// Whether its end is to be marked, and it was there in the scrape before this one.
    is_tracked: bool,
    is_histogram: bool,
}

/// A series of a body, with the time of its sample where the target stamped it itself.
struct Written<'w> {
    name: &'w str,
    labels: &'w [Label<'w>],
    timestamp_ms: Option<i64>,
    is_histogram: bool,
}

/// What one scrape brought, before it is written.
#[derive(Default)]
pub(super) struct Harvest {
    pub(super) samples: Vec<(usize, i64, f64)>,
    pub(super) histograms: Vec<(usize, i64, promql::Histogram)>,
    pub(super) exemplars: Vec<(usize, OwnedExemplar)>,
    /// What the target wrote, dropped samples included.
    pub(super) scraped: u64,
    /// Series that were not there in the scrape before.
    pub(super) added: u64,
    failed: Option<String>,
}

/// An exemplar that outlives the body it came in.
pub(super) struct OwnedExemplar {
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
    pub(super) at_ms: i64,
}

/// A series that ended, and whether it was one of histograms.
pub(super) type Ended = (Pairs, bool);

impl Memory {
    /// Begins the next scrape.
    pub(super) fn begin(&mut self) -> Harvest {
        self.round += 1;
        Harvest::default()
    }

    pub(super) fn labels(&self, place: usize) -> &[(Box<str>, Box<str>)] {
        self.series[place].labels.as_deref().unwrap_or_default()
    }

    /// Takes one series of the scrape; its place, or `None` where relabelling drops it, or the body had a sample of it
    /// at this time before.
    fn take(
        &mut self,
        treatment: &Treatment<'_>,
        written: &Written<'_>,
        (at_ms, is_tracked): (i64, bool),
        harvest: &mut Harvest,
    ) -> Option<usize> {
        let &Written { name, labels, is_histogram, .. } = written;
        self.key.clear();
        self.key.extend_from_slice(name.as_bytes());
        for (name, value) in labels {
            // A byte that is in no UTF-8 text.
            self.key.push(0xff);
            self.key.extend_from_slice(name.as_bytes());
            self.key.push(0xff);
            self.key.extend_from_slice(value.as_bytes());
        }
        let round = self.round;
        if let Some(place) = self.places.get(self.key.as_slice()) {
            let known = &mut self.series[*place];
            let is_repeated = known.seen == round && known.at_ms == at_ms;
            known.at_ms = at_ms;
            (known.seen, known.is_tracked, known.is_histogram) = (round, is_tracked, is_histogram);
            return (known.labels.is_some() && !is_repeated).then_some(*place);
        }
        let stored = match treatment.stored(name, labels) {
            Ok(stored) => stored,
            Err(problem) => {
                harvest.failed.get_or_insert(problem);
                return None;
            }
        };
        let (place, is_kept) = (self.series.len(), stored.is_some());
        self.places.insert(Box::from(self.key.as_slice()), place);
        let key = Box::from(self.key.as_slice());
        let known = Known { key, labels: stored, first: round, seen: round, at_ms, is_tracked, is_histogram };
        self.series.push(known);
        harvest.added += u64::from(is_kept);
        is_kept.then_some(place)
    }

    /// The series whose end is to be marked: those that the scrape before had and this one has not. Places stay as they
    /// are until [`Self::forget`].
    pub(super) fn ended(&mut self) -> Vec<Ended> {
        let (here, gone): (Vec<usize>, Vec<usize>) =
            (0..self.series.len()).partition(|place| self.series[*place].seen == self.round);
        if gone.is_empty() {
            return Vec::new();
        }
        // Two ways to write a series may lead to one; it ended when both did.
        let still: BTreeSet<&Pairs> =
            here.iter().filter_map(|place| self.series[*place].labels.as_ref()).collect();
        let is_over = |known: &Known| known.labels.as_ref().is_some_and(|labels| !still.contains(labels));
        let ended =
            gone.iter().map(|place| &self.series[*place]).filter(|known| known.is_tracked && is_over(known));
        ended.filter_map(|known| Some((known.labels.clone()?, known.is_histogram))).collect()
    }

    /// Forgets what this scrape did not have.
    pub(super) fn forget(&mut self) {
        let (before, round) = (self.series.len(), self.round);
        self.series.retain(|known| known.seen == round);
        if self.series.len() < before {
            let keys = self.series.iter().enumerate();
            self.places = keys.map(|(place, known)| (known.key.clone(), place)).collect();
        }
    }

    /// The scrape that began last failed: nothing of it is stored, and every series before it ended.
    pub(super) fn failed(&mut self) {
        for known in self.series.iter_mut().filter(|known| known.first == self.round) {
            known.is_tracked = false;
        }
        self.round += 1;
    }

    /// Gives everything whose end is to be marked, and forgets all.
    pub(super) fn end(&mut self) -> Vec<Ended> {
        self.round += 1;
        let ended = self.ended();
        self.forget();
        ended
    }
}

impl Harvest {
    /// Of a scrape that failed: how much it had.
    pub(super) fn only_counted(scraped: u64) -> Self {
        Self { scraped, ..Self::default() }
    }

    /// Reads a body into the memory and this harvest.
    pub(super) fn read(
        &mut self,
        body: &[u8],
        protocol: exposition::Protocol,
        at_ms: i64,
        memory: &mut Memory,
        treatment: &Treatment<'_>,
        mut meaning: impl FnMut(&exposition::Entry<'_, '_>),
    ) -> Result<(), String> {
        let config = treatment.config;
        let wanted = exposition::Histograms {
            native: config.takes_native_histograms(),
            classic_too: config.always_scrape_classic_histograms.unwrap_or(false),
        };
        let rules = exposition::Rules::Grammar;
        let parsed = exposition::parse(body, protocol, rules, wanted, |entry| match &entry {
            exposition::Entry::Sample(sample) => self.sample(sample, at_ms, memory, treatment),
            exposition::Entry::Histogram(sample) => self.histogram(sample, at_ms, memory, treatment),
            other => meaning(other),
        });
        self.scraped = parsed.map_err(|malformed| malformed.to_string())?;
        let kept = self.kept();
        let limit = config.sample_limit.unwrap_or(0);
        if limit > 0 && kept > limit {
            return Err(format!("{kept} samples after relabelling, and `sample_limit` is {limit}"));
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// What is left after relabelling.
    pub(super) fn kept(&self) -> u64 {
        (self.samples.len() + self.histograms.len()) as u64
    }

    /// The place of a series and the time of its sample; `None` where there is nothing to keep.
    fn place(
        &mut self,
        written: &Written<'_>,
        at_ms: i64,
        memory: &mut Memory,
        treatment: &Treatment<'_>,
    ) -> Option<(usize, i64)> {
        let config = treatment.config;
        let (at_ms, is_tracked) = match written.timestamp_ms.filter(|_| config.honor_timestamps) {
            Some(own) => (own, config.track_timestamps_staleness),
            None => (at_ms, true),
        };
        if self.kept() >= SAMPLES_MAX as u64 {
            self.failed.get_or_insert_with(|| format!("more than {SAMPLES_MAX} samples"));
            return None;
        }
        Some((memory.take(treatment, written, (at_ms, is_tracked), self)?, at_ms))
    }

    fn sample(
        &mut self,
        sample: &exposition::Sample<'_, '_>,
        at_ms: i64,
        memory: &mut Memory,
        treatment: &Treatment<'_>,
    ) {
        let &exposition::Sample { name, labels, value, timestamp_ms, exemplar } = sample;
        let written = Written { name, labels, timestamp_ms, is_histogram: false };
        let Some((place, at_ms)) = self.place(&written, at_ms, memory, treatment) else { return };
        self.samples.push((place, at_ms, value));
        self.exemplars.extend(exemplar.map(|exemplar| (place, owned(exemplar, at_ms))));
    }

    fn histogram(
        &mut self,
        sample: &exposition::NativeSample<'_, '_>,
        at_ms: i64,
        memory: &mut Memory,
        treatment: &Treatment<'_>,
    ) {
        let &exposition::NativeSample { name, labels, histogram, timestamp_ms, exemplars } = sample;
        let written = Written { name, labels, timestamp_ms, is_histogram: true };
        let Some((place, at_ms)) = self.place(&written, at_ms, memory, treatment) else { return };
        let stored = match within_limits(treatment.config, histogram) {
            Ok(histogram) => native::stored(&histogram),
            Err(problem) => {
                self.failed.get_or_insert(problem);
                return;
            }
        };
        self.histograms.push((place, at_ms, stored));
        self.exemplars.extend(exemplars.iter().map(|exemplar| (place, owned(exemplar, at_ms))));
    }
}

fn owned(exemplar: &exposition::Exemplar<'_>, at_ms: i64) -> OwnedExemplar {
    let labels = exemplar.labels.iter();
    let mut labels: Vec<(String, String)> =
        labels.map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned())).collect();
    labels.sort();
    OwnedExemplar { labels, value: exemplar.value, at_ms: exemplar.timestamp_ms.unwrap_or(at_ms) }
}

/// Lowers the resolution of a histogram to what the job allows.
fn within_limits<'h>(config: &ScrapeConfig, histogram: &'h Histogram) -> Result<Cow<'h, Histogram>, String> {
    let limit = usize::try_from(config.native_histogram_bucket_limit).unwrap_or(usize::MAX);
    let schema = schema_of_factor(config.native_histogram_min_bucket_factor);
    let is_fine = (limit == 0 || histogram.buckets() <= limit) && histogram.schema <= schema;
    if is_fine {
        return Ok(Cow::Borrowed(histogram));
    }
    let mut coarse = histogram.clone();
    coarse.reduce_to(schema);
    if limit > 0 && !coarse.limit_buckets(limit) {
        return Err(format!("a histogram with more than `native_histogram_bucket_limit` buckets ({limit})"));
    }
    Ok(Cow::Owned(coarse))
}

/// The finest schema whose bounds grow by at least this factor.
fn schema_of_factor(factor: f64) -> i32 {
    if factor <= 1.0 {
        return 8;
    }
    (-factor.log2().log2().floor()).clamp(-4.0, 8.0) as i32
}

impl Treatment<'_> {
    /// The labels under which a series is stored; `None` where the steps drop it.
    fn stored(&self, name: &str, labels: &[Label<'_>]) -> Result<Option<Pairs>, String> {
        let own = labels.iter().map(|(name, value)| (name.clone().into_owned(), value.clone().into_owned()));
        let mut all: LabelMap = own.collect();
        all.insert("__name__".to_owned(), name.to_owned());
        self.join_target(&mut all);
        if !self.steps.apply(&mut all) {
            return Ok(None);
        }
        self.check(&all)?;
        Ok(Some(all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    fn join_target(&self, all: &mut LabelMap) {
        let mut clashing = Vec::new();
        for (name, value) in self.target.iter() {
            match all.get(name) {
                Some(_) if self.config.honor_labels => continue,
                Some(own) => clashing.push((name.to_owned(), own.clone())),
                None => {}
            }
            all.insert(name.to_owned(), value.to_owned());
        }
        // The shortest name first, so that `exported_x` of the target is not taken for that of `x`.
        clashing.sort_by_key(|(name, _)| name.len());
        for (name, value) in clashing {
            let mut renamed = format!("exported_{name}");
            while all.contains_key(&renamed) {
                renamed.insert_str(0, "exported_");
            }
            all.insert(renamed, value);
        }
    }

    fn check(&self, all: &LabelMap) -> Result<(), String> {
        let config = self.config;
        let Some(name) = all.get("__name__") else {
            return Err(format!("relabelling took the name of `{all:?}` away"));
        };
        let names = config.metric_name_validation_scheme.unwrap_or_default();
        let is_metric =
            |name: &str| names == NameValidation::Utf8 || is_label_name(&name.replace(':', "_"), names);
        if let Some(bad) = all.keys().find(|name| !is_label_name(name, names)) {
            return Err(format!("`{bad}` is not the name of a label, in `{name}`"));
        }
        if !is_metric(name) {
            return Err(format!("`{name}` is not the name of a metric"));
        }
        let over =
            |limit: Option<u64>, found: usize| limit.is_some_and(|limit| limit > 0 && found as u64 > limit);
        if over(config.label_limit, all.len()) {
            return Err(format!("`{name}` has {} labels, more than `label_limit`", all.len()));
        }
        for (label, value) in all {
            if over(config.label_name_length_limit, label.len()) {
                return Err(format!(
                    "the name of `{label}` of `{name}` is longer than `label_name_length_limit`"
                ));
            }
            if over(config.label_value_length_limit, value.len()) {
                return Err(format!(
                    "the value of `{label}` of `{name}` is longer than `label_value_length_limit`"
                ));
            }
        }
        Ok(())
    }
}
