//! One set of rules over the tested time: stretch by stretch, every rule is evaluated, and the engine is told of the
//! instants that matter in the order of time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use facts::alerting::AlertingFact;
use facts::{Entry, Fact};
use kernel::{Labels, Span, Timestamp};
use promql::{METRIC_NAME, SeriesSource, Value};
use web::ports::Stretch;

use super::Stopped;
use super::evaluate::{Columns, Evaluation, Grid};
use super::limits::{POINTS_HELD_MAX, RECORDED_SAMPLES_MAX, STEPS_PER_QUERY_FIRST, STEPS_PER_QUERY_MAX};
use super::moments::Lane;
use super::planned::{Planned, reaches};
use super::recorded::{Overlay, Recorded};
use super::rehearsal::Rehearsal;

/// A set of rules on its way through time.
pub(crate) struct Course<'g> {
    pub(crate) rules: Vec<Planned<'g>>,
    recorded: Recorded,
    names: BTreeSet<String>,
    start: Timestamp,
    /// The last instant.
    end: Timestamp,
    skip: &'g [Stretch],
    source: &'g dyn SeriesSource,
    is_cancelled: &'g (dyn Fn() -> bool + Sync),
}

/// Over which time, from what, and until when it is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Over<'g> {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) skip: &'g [Stretch],
    pub(crate) source: &'g dyn SeriesSource,
    pub(crate) is_cancelled: &'g (dyn Fn() -> bool + Sync),
}

impl<'g> Course<'g> {
    pub(crate) fn new(rules: Vec<Planned<'g>>, over: Over<'g>) -> Self {
        let names = rules.iter().filter_map(|rule| rule.rule.record.clone()).collect();
        let Over { start, end, skip, source, is_cancelled } = over;
        Self { rules, recorded: Recorded::default(), names, start, end, skip, source, is_cancelled }
    }

    /// Evaluates every rule at every instant of its grid and tells the engine; `hear` is told what came of it.
    pub(crate) fn run(
        &mut self,
        engine: &mut Rehearsal,
        hear: &mut dyn FnMut(&Entry) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let Some(shortest) = self.rules.iter().map(|rule| rule.group.interval).min() else { return Ok(()) };
        let by_instant = self.reads_what_comes_later();
        let longest = shortest.times(STEPS_PER_QUERY_MAX as i64);
        let mut length = shortest.times(STEPS_PER_QUERY_FIRST as i64);
        let end = self.end + Span::from_millis(1);
        let mut at = self.start;
        while at < end {
            if by_instant {
                at = self.next_instant(at);
                length = Span::from_millis(1);
            }
            let until = (at + length).min(end);
            if at >= end {
                break;
            }
            match self.evaluate(at, until) {
                Ok((found, points)) => {
                    self.tell(found, at, until, engine, hear)?;
                    at = until;
                    if points < POINTS_HELD_MAX / 2 && !by_instant {
                        length = length.times(2).min(longest);
                    }
                }
                Err(Stopped::TooMuch) if length > shortest => {
                    self.recorded.forget_from(at);
                    length = Span::from_millis(length.as_millis() / 2).max(shortest);
                }
                Err(stopped) => return Err(stopped),
            }
        }
        engine.pass(self.end);
        self.told(engine, hear).map(|_| ())
    }

    fn next_instant(&self, at: Timestamp) -> Timestamp {
        let instants = self.rules.iter().map(|rule| {
            let below = at.floor(rule.group.interval);
            if below < at { below + rule.group.interval } else { below }
        });
        instants.min().unwrap_or(at)
    }

    /// Whether a rule reads what itself or a later one records. Then the instants have to be evaluated one by one.
    fn reads_what_comes_later(&self) -> bool {
        let recording = self
            .rules
            .iter()
            .enumerate()
            .filter_map(|(place, rule)| Some((place, rule.rule.record.as_ref()?)));
        recording.into_iter().any(|(place, name)| {
            self.rules[..=place].iter().any(|reader| reaches(&reader.plan, name).is_some())
        })
    }

    /// The results of every rule at its instants in a stretch of time, and how many points they are. Recording rules
    /// feed the rules after them.
    fn evaluate(
        &mut self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(Vec<(Grid, Columns)>, usize), Stopped> {
        let mut all = Vec::with_capacity(self.rules.len());
        let mut points = 0;
        let Self { rules, recorded, names, start, source, skip, is_cancelled, .. } = self;
        for planned in rules.iter_mut() {
            let grid = Grid::between(from, until, planned.group.interval);
            let source =
                Overlay { stored: *source, recorded: recorded.source(), names: &*names, since: *start };
            let evaluation = Evaluation {
                plan: &planned.plan,
                source: &source,
                grid,
                offset: planned.group.query_offset,
                points_max: POINTS_HELD_MAX - points,
                is_cancelled: *is_cancelled,
            };
            let mut found = evaluation.run(&mut planned.failed_queries)?;
            found.refuse_past(planned.group.limit, grid);
            if let Some(name) = &planned.rule.record {
                let labels = planned.group.labels.iter().chain(&planned.rule.labels);
                let labels = labels.fold(Labels::default(), |all, (name, value)| all.with(name, value));
                let under = labels.with(METRIC_NAME, name);
                planned.writes = record(recorded, &planned.written, &under, grid, &mut found, skip);
                if recorded.samples() > RECORDED_SAMPLES_MAX {
                    return Err(Stopped::TooManyRecorded);
                }
            }
            points += found.points;
            if planned.rule.record.is_some() {
                found.all = Vec::new();
            }
            all.push((grid, found));
        }
        Ok((all, points))
    }

    fn tell(
        &mut self,
        found: Vec<(Grid, Columns)>,
        from: Timestamp,
        until: Timestamp,
        engine: &mut Rehearsal,
        hear: &mut dyn FnMut(&Entry) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let skip: Vec<Stretch> =
            self.skip.iter().filter(|stretch| stretch.from < until && stretch.to > from).copied().collect();
        let is_skipped = |at: Timestamp| skip.iter().any(|stretch| stretch.from <= at && at < stretch.to);
        let mut lanes = Vec::new();
        for (place, (planned, (grid, columns))) in self.rules.iter_mut().zip(found).enumerate() {
            planned.written = std::mem::take(&mut planned.writes);
            let failed = columns.failed.iter().filter(|at| !is_skipped(**at)).count();
            planned.failures += failed as u64;
            planned.evaluations += failed as u64;
            if planned.first_failure.is_none() {
                planned.first_failure.clone_from(&columns.first_failure);
            }
            let lane = Lane::new(place, planned.rule, grid, columns, &is_skipped, &mut planned.memory);
            planned.evaluations += lane.evaluations();
            if planned.rule.alert.is_some() {
                lanes.push(lane);
            }
        }
        self.drive(&mut lanes, engine, hear)?;
        for lane in &mut lanes {
            let planned = &mut self.rules[lane.rule];
            lane.end(&planned.memory);
            planned.failures += lane.refusals;
        }
        Ok(())
    }

    /// Tells the engine of all lanes' moments in the order of time; at one instant in the order of the rules.
    fn drive(
        &mut self,
        lanes: &mut [Lane],
        engine: &mut Rehearsal,
        hear: &mut dyn FnMut(&Entry) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let mut moments: BinaryHeap<Reverse<(Timestamp, usize)>> = BinaryHeap::new();
        let next = |lane: &Lane, rules: &[Planned<'_>]| lane.next(&rules[lane.rule].memory);
        for (place, lane) in lanes.iter().enumerate() {
            moments.extend(next(lane, &self.rules).map(|at| Reverse((at, place))));
        }
        let mut told = 0_usize;
        while let Some(Reverse((at, place))) = moments.pop() {
            // A lane whose next moment came earlier than was thought stands here twice.
            if next(&lanes[place], &self.rules) != Some(at) {
                continue;
            }
            told += 1;
            if told.is_multiple_of(256) && (self.is_cancelled)() {
                return Err(Stopped::Cancelled);
            }
            engine.pass(at);
            self.told(engine, hear)?;
            let planned = &mut self.rules[lanes[place].rule];
            let elements = lanes[place].elements(&mut planned.memory);
            let judged = engine.judge(&planned.group.name, planned.place, at, elements);
            lanes[place].judged(&mut planned.memory, judged.is_err());
            if let Err(refusal) = judged {
                planned.first_failure.get_or_insert_with(|| kernel::Refuse::sentence(&refusal));
            }
            let ended = self.told(engine, hear)?;
            self.after(lanes, lanes[place].rule, at, &ended);
            // Whoever holds alerts of the same name may begin one that this rule let go.
            let woken = ended.lets_go.then(|| self.rules[lanes[place].rule].rule.alert.clone()).flatten();
            for (other, lane) in lanes.iter().enumerate() {
                if other == place || (woken.is_some() && self.rules[lane.rule].rule.alert == woken) {
                    moments.extend(next(lane, &self.rules).map(|at| Reverse((at, other))));
                }
            }
        }
        Ok(())
    }

    /// When time alone will decide, as the facts of an evaluation say.
    fn after(&mut self, lanes: &[Lane], judged: usize, at: Timestamp, ended: &Told) {
        let rule = &mut self.rules[judged];
        let (hold, keep) = (rule.rule.hold, rule.rule.keep_firing_for);
        rule.memory.deadlines.extend(ended.pending_since.iter().map(|since| *since + hold));
        rule.memory.deadlines.extend(ended.kept_since.iter().map(|since| *since + keep));
        if ended.facts >= alerting::limits::TRANSITIONS_PER_EVALUATION_MAX {
            rule.memory.deadlines.insert(at);
        }
        if ended.lets_go {
            let name = self.rules[judged].rule.alert.clone();
            for lane in lanes.iter().filter(|lane| lane.rule != judged) {
                let other = &mut self.rules[lane.rule];
                if other.rule.alert == name {
                    // Whoever comes before this rule was evaluated at this instant already.
                    let passed = Span::from_millis(i64::from(lane.rule < judged));
                    other.memory.deadlines.insert(at + passed);
                }
            }
        }
    }

    fn told(
        &self,
        engine: &mut Rehearsal,
        hear: &mut dyn FnMut(&Entry) -> Result<(), Stopped>,
    ) -> Result<Told, Stopped> {
        let mut told = Told::default();
        for entry in engine.heard() {
            if let Fact::Alerting(fact) = &entry.fact {
                told.add(fact);
            }
            hear(&entry)?;
        }
        Ok(told)
    }
}

/// What an evaluation's facts mean for later ones.
#[derive(Default)]
struct Told {
    facts: usize,
    pending_since: BTreeSet<Timestamp>,
    kept_since: BTreeSet<Timestamp>,
    /// An alert is over.
    lets_go: bool,
}

impl Told {
    fn add(&mut self, fact: &AlertingFact) {
        self.facts += 1;
        match fact {
            AlertingFact::AlertPending { since, .. } => _ = self.pending_since.insert(*since),
            AlertingFact::AlertKeptFiring { since, .. } => _ = self.kept_since.insert(*since),
            AlertingFact::AlertResolved { .. } | AlertingFact::PendingCleared { .. } => self.lets_go = true,
            _ => {}
        }
    }
}

/// Writes a rule's results under its name, with a marker of staleness where an element is gone. An instant at which two
/// elements have the same labels gives nothing. The series that are there at the last instant.
fn record(
    recorded: &mut Recorded,
    written: &BTreeSet<Labels>,
    added: &Labels,
    grid: Grid,
    found: &mut Columns,
    skip: &[Stretch],
) -> BTreeSet<Labels> {
    let is_skipped = |at: Timestamp| skip.iter().any(|stretch| stretch.from <= at && at < stretch.to);
    let name = added.get(METRIC_NAME).unwrap_or_default().to_owned();
    let mut by_labels: BTreeMap<Labels, BTreeMap<Timestamp, Vec<Value>>> = BTreeMap::new();
    for column in &found.all {
        let labels =
            added.iter().fold(column.labels.clone(), |labels, (name, value)| labels.with(name, value));
        let samples = by_labels.entry(labels).or_default();
        for (at, value) in &column.floats {
            samples.entry(*at).or_default().push(Value::Float(*value));
        }
        for (at, histogram) in &column.histograms {
            samples.entry(*at).or_default().push(Value::Histogram(histogram.clone()));
        }
    }
    let twice = by_labels.values().flatten().filter(|(_, values)| values.len() > 1).map(|(at, _)| *at);
    let twice: BTreeSet<Timestamp> = twice.collect();
    if !twice.is_empty() {
        let failure = format!("two elements have the same labels under `{name}`");
        found.first_failure.get_or_insert(failure);
    }
    let failed: BTreeSet<Timestamp> = found.failed.iter().copied().chain(twice).collect();
    let instants = (0..grid.count).map(|index| grid.at(index));
    let instants: Vec<Timestamp> = instants.filter(|at| !failed.contains(at) && !is_skipped(*at)).collect();
    for labels in written.iter() {
        by_labels.entry(labels.clone()).or_default();
    }
    let mut present = written.clone();
    for (labels, samples) in &by_labels {
        let mut is_there = written.contains(labels);
        for at in &instants {
            match samples.get(at) {
                Some(values) => _ = recorded.push(labels, *at, &values[0]),
                None if is_there => recorded.end(labels, *at),
                None => {}
            }
            is_there = samples.contains_key(at);
        }
        if is_there {
            present.insert(labels.clone());
        } else {
            present.remove(labels);
        }
    }
    found.failed = failed.into_iter().collect();
    present
}
