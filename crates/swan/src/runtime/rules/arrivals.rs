//! Tells rules of the samples that concern them, as they are stored.
//!
//! Whoever stores samples calls [`Arrivals::stored`]; each group of rules [watches](Arrivals::watch) what its selectors
//! match. A group that does not keep up loses touches, and is judged by its interval alone until it does: its
//! watermark then waits for the grace, because what it was not told of seems to be missing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, RwLock};

use kernel::Timestamp;
use promql::{MatchOp, Matcher, is_stale};
use tokio::sync::mpsc;
use web::ports::SeriesSamples;

/// Batches that wait for one group; more are not told of.
const BATCHES_WAITING_MAX: usize = 1_024;
const METRIC_NAME: &str = promql::METRIC_NAME;

/// A sample that concerns a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    /// The rule's place in its group.
    pub(crate) rule: usize,
    /// Which series, among all.
    pub(crate) series: u64,
    /// Its time.
    pub(crate) at: Timestamp,
    /// It says that the series ends.
    pub(crate) ends: bool,
}

/// What a rule reads.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    pub(crate) rule: usize,
    pub(crate) matchers: Vec<Matcher>,
}

/// Who is to be told of what.
#[derive(Default)]
pub(crate) struct Arrivals {
    watched: RwLock<Watched>,
}

#[derive(Default)]
struct Watched {
    by_name: HashMap<String, Sorted>,
    /// Those that no single metric name selects.
    nameless: Sorted,
    last_group: u64,
}

/// Watchers by one label that each asks to be equal to something: a thousand rules that read one metric, each of
/// another team, do not all look at every sample of it.
#[derive(Default)]
struct Sorted {
    by_label: Vec<(String, HashMap<String, Vec<Watcher>>)>,
    /// Those that ask no label to be equal to something.
    others: Vec<Watcher>,
}

impl Sorted {
    /// Of the labels that could sort it, the one takes it that sorts it among the fewest.
    fn add(&mut self, watcher: Watcher) {
        let interest = Arc::clone(&watcher.interest);
        let equal = interest.matchers.iter().filter(|matcher| asks_for_one(matcher));
        let equal = equal.filter(|matcher| matcher.name() != METRIC_NAME);
        let Some(matcher) = equal.min_by_key(|matcher| self.like(matcher)) else {
            self.others.push(watcher);
            return;
        };
        let at = self.by_label.iter().position(|(name, _)| name == matcher.name()).unwrap_or_else(|| {
            self.by_label.push((matcher.name().to_owned(), HashMap::new()));
            self.by_label.len() - 1
        });
        self.by_label[at].1.entry(matcher.value().to_owned()).or_default().push(watcher);
    }

    /// How many watchers this matcher does not tell apart.
    fn like(&self, matcher: &Matcher) -> usize {
        let of_label = self.by_label.iter().find(|(name, _)| name == matcher.name());
        of_label.and_then(|(_, by_value)| by_value.get(matcher.value())).map_or(0, Vec::len)
    }

    /// Those that may be concerned by a series that has these values.
    fn candidates<'s>(&'s self, value: impl Fn(&str) -> &'s str) -> impl Iterator<Item = &'s Watcher> {
        let sorted =
            self.by_label.iter().filter_map(move |(name, by_value)| by_value.get(value(name))).flatten();
        sorted.chain(&self.others)
    }

    fn forget(&mut self, group: u64) {
        for (_, by_value) in &mut self.by_label {
            by_value.retain(|_, watchers| {
                watchers.retain(|watcher| watcher.group != group);
                !watchers.is_empty()
            });
        }
        self.by_label.retain(|(_, by_value)| !by_value.is_empty());
        self.others.retain(|watcher| watcher.group != group);
    }

    fn is_empty(&self) -> bool {
        self.by_label.is_empty() && self.others.is_empty()
    }
}

/// Whether a matcher asks for one value.
fn asks_for_one(matcher: &Matcher) -> bool {
    matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
}

#[derive(Clone)]
struct Watcher {
    group: u64,
    interest: Arc<Interest>,
    touches: mpsc::Sender<Vec<Touch>>,
}

/// A group's view of what arrives; it ends with this value.
pub(crate) struct Watch {
    arrivals: Arc<Arrivals>,
    group: u64,
    touches: mpsc::Receiver<Vec<Touch>>,
}

impl Watch {
    /// The next batch that concerns the group.
    pub(crate) async fn next(&mut self) -> Vec<Touch> {
        match self.touches.recv().await {
            Some(touches) => touches,
            // A group without a selector has no sender.
            None => std::future::pending().await,
        }
    }

    /// What came with it, as far as it is here already.
    pub(crate) fn more(&mut self) -> Option<Vec<Touch>> {
        self.touches.try_recv().ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.arrivals.watched.write().expect(LOCK);
        watched.nameless.forget(self.group);
        watched.by_name.retain(|_, watchers| {
            watchers.forget(self.group);
            !watchers.is_empty()
        });
    }
}

const LOCK: &str = "nobody panics while the watchers are looked at";

impl Arrivals {
    /// Tells of samples that match, from now on.
    pub(crate) fn watch(self: &Arc<Self>, interests: Vec<Interest>) -> Watch {
        let (sender, touches) = mpsc::channel(BATCHES_WAITING_MAX);
        let mut watched = self.watched.write().expect(LOCK);
        watched.last_group += 1;
        let group = watched.last_group;
        for interest in interests {
            let mut matchers = interest.matchers.iter();
            let name = matchers.find(|matcher| matcher.name() == METRIC_NAME && asks_for_one(matcher));
            let name = name.map(|matcher| matcher.value().to_owned());
            let watcher = Watcher { group, interest: Arc::new(interest), touches: sender.clone() };
            match name {
                Some(name) => watched.by_name.entry(name).or_default().add(watcher),
                None => watched.nameless.add(watcher),
            }
        }
        Watch { arrivals: Arc::clone(self), group, touches }
    }

    /// These samples are stored.
    pub(crate) fn stored(&self, batch: &[SeriesSamples<'_>]) {
        let watched = self.watched.read().expect(LOCK);
        if watched.by_name.is_empty() && watched.nameless.is_empty() {
            return;
        }
        let mut touched: HashMap<u64, (&mpsc::Sender<Vec<Touch>>, Vec<Touch>)> = HashMap::new();
        for series in batch {
            let Some((at, value)) = series.samples.last() else { continue };
            let mut id = None;
            for watcher in watched.concerned(series.labels) {
                let touch = Touch {
                    rule: watcher.interest.rule,
                    series: *id.get_or_insert_with(|| id_of(series.labels)),
                    at: Timestamp::from_millis(*at),
                    ends: is_stale(*value),
                };
                let told = touched.entry(watcher.group).or_insert_with(|| (&watcher.touches, Vec::new()));
                told.1.push(touch);
            }
        }
        for (touches, told) in touched.into_values() {
            // A full line loses what is told, as this module says; a closed one belongs to a group that ends.
            _ = touches.try_send(told);
        }
    }
}

impl Watched {
    fn concerned<'w>(&'w self, labels: &'w [(&'w str, &'w str)]) -> impl Iterator<Item = &'w Watcher> {
        let value =
            move |name: &str| labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| *value);
        let named = self.by_name.get(value(METRIC_NAME)).into_iter();
        let named = named.flat_map(move |named| named.candidates(value));
        let matches = move |watcher: &&Watcher| {
            watcher.interest.matchers.iter().all(|matcher| matcher.matches(value(matcher.name())))
        };
        named.chain(self.nameless.candidates(value)).filter(matches)
    }
}

fn id_of(labels: &[(&str, &str)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(rule: usize, matchers: &[(&str, &str)]) -> Interest {
        let matchers = matchers.iter().map(|(name, value)| Matcher::equal(*name, *value)).collect();
        Interest { rule, matchers }
    }

    fn store(arrivals: &Arrivals, labels: &[(&str, &str)], at: i64) {
        arrivals.stored(&[SeriesSamples { labels, samples: &[(at - 1, 0.0), (at, 1.0)] }]);
    }

    fn told(watch: &mut Watch) -> Vec<(usize, i64)> {
        let touches = std::iter::from_fn(|| watch.more()).flatten();
        touches.map(|touch| (touch.rule, touch.at.as_millis())).collect()
    }

    #[test]
    fn a_group_hears_of_the_last_sample_of_what_its_rules_read() {
        let arrivals = Arc::new(Arrivals::default());
        let up = interest(0, &[(METRIC_NAME, "up"), ("job", "shop")]);
        let mut watch = arrivals.watch(vec![up, interest(1, &[("job", "shop")])]);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "shop")], 10);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "pay")], 11);
        store(&arrivals, &[(METRIC_NAME, "down"), ("job", "shop")], 12);
        assert_eq!(told(&mut watch), [(0, 10), (1, 10), (1, 12)]);
    }

    #[test]
    fn rules_that_read_one_metric_hear_of_their_own_series_only() {
        let arrivals = Arc::new(Arrivals::default());
        let of_team = |rule, team| interest(rule, &[(METRIC_NAME, "up"), ("job", "shop"), ("team", team)]);
        let nobody = interest(3, &[(METRIC_NAME, "up"), ("team", "")]);
        let mut watch = arrivals.watch(vec![of_team(0, "a"), of_team(1, "b"), of_team(2, "b"), nobody]);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "shop"), ("team", "b")], 10);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "pay"), ("team", "a")], 11);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "shop"), ("team", "a")], 12);
        store(&arrivals, &[(METRIC_NAME, "up"), ("job", "shop")], 13);
        let mut told = told(&mut watch);
        told.sort_unstable();
        assert_eq!(told, [(0, 12), (1, 10), (2, 10), (3, 13)]);
    }

    #[test]
    fn a_group_that_is_gone_is_not_told() {
        let arrivals = Arc::new(Arrivals::default());
        drop(arrivals.watch(vec![interest(0, &[(METRIC_NAME, "up")]), interest(0, &[])]));
        let watched = arrivals.watched.read().unwrap();
        assert!(watched.by_name.is_empty() && watched.nameless.is_empty());
    }

    #[test]
    fn a_group_that_does_not_listen_holds_nobody_up() {
        let arrivals = Arc::new(Arrivals::default());
        let mut watch = arrivals.watch(vec![interest(0, &[(METRIC_NAME, "up")])]);
        for at in 0..BATCHES_WAITING_MAX as i64 + 10 {
            store(&arrivals, &[(METRIC_NAME, "up")], at);
        }
        assert_eq!(told(&mut watch).len(), BATCHES_WAITING_MAX);
    }
}
