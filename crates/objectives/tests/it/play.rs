//! A journal in memory: commands are decided, their facts recorded as JSON and folded.

use facts::configuration::{DownWhen, Objective, Service, Sli, Window};
use facts::objectives::{ObjectivesFact, Tally, Verdict};
use facts::{Configuration, ConfigurationApplied, Entry, Fact, Seq};
use kernel::{Actor, ObjectiveId, Ratio, ServiceId, Span, Timestamp};
use objectives::{Command, Refusal, State, apply, decide};

pub(crate) struct Play {
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    pub(crate) journal: Vec<String>,
}

impl Play {
    /// The service `shop` with the objective `requests`: minutes are down above 5 %, 99.9 % a month.
    pub(crate) fn new() -> Self {
        let mut play = Self { now: minute(0), state: State::default(), journal: Vec::new() };
        play.configure(vec![objective("requests", Window::CalendarMonth)]);
        play
    }

    pub(crate) fn configure(&mut self, objectives: Vec<Objective>) {
        let mut configuration = Configuration::default();
        configuration.services.insert("shop".into(), Service { objectives, ..Service::default() });
        let applied = ConfigurationApplied { hash: String::new(), source: String::new(), configuration };
        self.record(&Actor::Configuration, Fact::ConfigurationApplied(Box::new(applied)));
    }

    pub(crate) fn submit(&mut self, actor: &Actor, command: Command) -> Result<Vec<ObjectivesFact>, Refusal> {
        let facts = decide(&self.state, self.now, actor, command.clone())?;
        for fact in &facts {
            self.record(actor, fact.clone().into());
        }
        match command {
            // A correction back is another one, and judging again would be another day's work.
            Command::CorrectSlice { .. } | Command::AttributeOutage { .. } | Command::JudgeSlices { .. } => {
                assert_eq!(
                    decide(&self.state, self.now, actor, command),
                    Ok(vec![]),
                    "a repeat leads to nothing"
                );
            }
            Command::RejudgeSlices { .. } | Command::FinaliseSlices { .. } => {
                assert_eq!(
                    decide(&self.state, self.now, actor, command),
                    Ok(vec![]),
                    "what was judged so stays so"
                );
            }
        }
        Ok(facts)
    }

    /// Judges the minutes from this one on; the clock moves past them.
    pub(crate) fn judge(&mut self, from: i64, tallies: &[Option<Tally>]) -> Vec<ObjectivesFact> {
        self.now = self.now.max(minute(from + tallies.len() as i64));
        self.submit(
            &Actor::Swan,
            Command::JudgeSlices {
                service: "shop".into(),
                objective: "requests".into(),
                from: minute(from),
                tallies: tallies.to_vec(),
            },
        )
        .unwrap()
    }

    pub(crate) fn finalise(&mut self, from: i64, tallies: &[Option<Tally>]) -> Vec<ObjectivesFact> {
        self.now = self.now.max(minute(from + tallies.len() as i64));
        self.submit(
            &Actor::Swan,
            Command::FinaliseSlices {
                service: "shop".into(),
                objective: "requests".into(),
                from: minute(from),
                tallies: tallies.to_vec(),
            },
        )
        .unwrap()
    }

    pub(crate) fn correct(&mut self, at: i64, verdict: Verdict) -> Result<Vec<ObjectivesFact>, Refusal> {
        self.submit(
            &Actor::Person("ada".into()),
            Command::CorrectSlice {
                service: "shop".into(),
                objective: None,
                start: minute(at),
                verdict,
                reason: "the probe was wrong".into(),
            },
        )
    }

    /// The outages of the hours from minute 0, as first minute, minutes, and whether open.
    pub(crate) fn outages(&self) -> Vec<(i64, u32, bool)> {
        let rows = objectives::outages(&self.state, &shop(), minute(-10_000), minute(10_000_000));
        rows.iter()
            .map(|row| {
                assert_eq!(row.outage.end - row.outage.start, Span::from_mins(row.outage.slices.into()));
                ((row.outage.start - minute(0)).as_millis() / 60_000, row.outage.slices, row.is_open)
            })
            .collect()
    }

    fn record(&mut self, actor: &Actor, fact: Fact) {
        let seq = Seq(self.journal.len() as u64 + 1);
        let entry = Entry { seq, at: self.now, actor: actor.clone(), fact };
        apply(&mut self.state, &entry);
        self.journal.push(serde_json::to_string(&entry).unwrap());
    }

    /// The state that the journal's text gives, which a snapshot also gives.
    pub(crate) fn assert_state_is_replay(&self) {
        let mut replayed = State::default();
        for line in &self.journal {
            apply(&mut replayed, &serde_json::from_str(line).unwrap());
        }
        assert_eq!(replayed, self.state);
        let snapshot: State = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        assert_eq!(snapshot, self.state);
    }
}

pub(crate) fn objective(name: &str, window: Window) -> Objective {
    Objective {
        name: ObjectiveId::from(name),
        sli: Sli {
            requests: Some("shop".into()),
            down_when: DownWhen { error_ratio_above: Ratio::percent(5) },
            slice: Span::from_mins(1),
            min_requests: 10,
            ..Sli::default()
        },
        target: Ratio { ppm: 999_000 },
        window,
    }
}

pub(crate) fn shop() -> ServiceId {
    "shop".into()
}

/// The n-th minute of 20 November 2026.
pub(crate) fn minute(n: i64) -> Timestamp {
    "2026-11-20T00:00:00Z".parse::<Timestamp>().unwrap() + Span::from_mins(n)
}

pub(crate) const UP: Option<Tally> = Some(Tally { good: 100, bad: 0 });
pub(crate) const DOWN: Option<Tally> = Some(Tally { good: 60, bad: 40 });
pub(crate) const FEW: Option<Tally> = Some(Tally { good: 0, bad: 9 });
