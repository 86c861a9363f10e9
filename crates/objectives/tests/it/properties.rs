//! Whatever happens, the ledger adds up.

use std::collections::BTreeSet;

use crate::play::{DOWN, FEW, Play, UP, minute, shop};
use facts::objectives::{ObjectivesFact, RejudgeReason, Run, Tally, Verdict};
use facts::{Entry, Seq};
use kernel::{Actor, ObjectiveId, OutageId, ServiceId, Span, Timestamp};
use objectives::{State, apply, availability, causes, days, impact, ledger, outages, unattributed};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Judge { skipped: i64, tallies: Vec<Option<Tally>> },
    Finalise { tallies: Vec<Option<Tally>> },
    Correct { at: i64, verdict: Verdict },
}

fn tally() -> impl Strategy<Value = Option<Tally>> {
    prop_oneof![3 => Just(UP), 3 => Just(DOWN), 1 => Just(None), 1 => Just(FEW)]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Up), Just(Verdict::Down), Just(Verdict::Unknown)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (-2..3_i64, prop::collection::vec(tally(), 0..8))
            .prop_map(|(skipped, tallies)| Step::Judge { skipped, tallies }),
        prop::collection::vec(tally(), 0..8).prop_map(|tallies| Step::Finalise { tallies }),
        (0..40_i64, verdict()).prop_map(|(at, verdict)| Step::Correct { at, verdict }),
    ]
}

/// The ledger as a plain list of minutes.
#[derive(Default)]
struct Model {
    minutes: Vec<Verdict>,
    by_hand: BTreeSet<usize>,
    finalised: usize,
}

fn expected(tally: Option<Tally>) -> Verdict {
    match tally {
        UP => Verdict::Up,
        DOWN => Verdict::Down,
        _ => Verdict::Unknown,
    }
}

impl Model {
    fn take(&mut self, play: &mut Play, step: Step) {
        match step {
            Step::Judge { skipped, tallies } => {
                let from = (self.minutes.len() as i64 + skipped).max(0);
                play.judge(from, &tallies);
                for (i, tally) in (from as usize..).zip(tallies) {
                    if i >= self.minutes.len() {
                        // Nothing is left out before the first slice: the ledger begins with it.
                        let fill = if self.minutes.is_empty() { 0 } else { i };
                        self.minutes.resize(fill.max(self.minutes.len()), Verdict::Unknown);
                        self.minutes.push(expected(tally));
                    }
                }
            }
            Step::Finalise { tallies } => {
                let from = self.finalised;
                play.finalise(from as i64, &tallies);
                let judged = self.minutes.len();
                for (i, tally) in (from..judged).zip(tallies) {
                    self.finalised = i + 1;
                    let is = expected(tally);
                    if !self.by_hand.contains(&i) && is != Verdict::Unknown {
                        self.minutes[i] = is;
                    }
                }
            }
            Step::Correct { at, verdict } => {
                let done = play.correct(at, verdict);
                assert_eq!(done.is_ok(), (at as usize) < self.minutes.len());
                if let Some(minute) = self.minutes.get_mut(at as usize).filter(|minute| **minute != verdict) {
                    *minute = verdict;
                    self.by_hand.insert(at as usize);
                }
            }
        }
    }

    fn runs_of_down(&self) -> Vec<(i64, u32, bool)> {
        let mut runs: Vec<(i64, u32, bool)> = Vec::new();
        for (i, _) in self.minutes.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Down) {
            let i = i as i64;
            match runs.last_mut() {
                Some((start, slices, _)) if *start + i64::from(*slices) == i => *slices += 1,
                _ => runs.push((i, 1, false)),
            }
        }
        if let Some((start, slices, open)) = runs.last_mut() {
            *open = *start + i64::from(*slices) == self.minutes.len() as i64;
        }
        runs
    }
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-20..60_i64).prop_map(|half_minutes| minute(0) + Span::from_secs(half_minutes * 30))
}

/// Any fact at all, as a journal of another version or a fault could hold it.
fn any_fact() -> impl Strategy<Value = ObjectivesFact> {
    let key = || (prop_oneof![Just("shop"), Just("blog")], prop_oneof![Just("requests"), Just("latency")]);
    let key = move || key().prop_map(|(s, o)| (ServiceId::from(s), ObjectiveId::from(o)));
    let outage = || (0..5_u64).prop_map(OutageId);
    let tally = || (0..3_u64, 0..3_u64).prop_map(|(good, bad)| Tally { good, bad });
    let run = (verdict(), prop_oneof![4 => 0..9_u32, 1 => Just(50_000_000)])
        .prop_map(|(verdict, slices)| Run { verdict, slices });
    let slice = prop_oneof![Just(Span::ZERO), Just(Span::from_secs(60)), Just(Span::from_secs(300))];
    prop_oneof![
        (key(), slice, timestamp(), prop::collection::vec(run, 0..4)).prop_map(
            |((service, objective), slice, from, runs)| ObjectivesFact::SlicesJudged {
                service,
                objective,
                slice,
                from,
                runs
            }
        ),
        (key(), timestamp(), tally(), outage()).prop_map(|((service, objective), start, tally, outage)| {
            ObjectivesFact::SliceDown { service, objective, start, tally, outage }
        }),
        (key(), timestamp(), verdict(), verdict(), prop::option::of(tally())).prop_map(
            |((service, objective), start, was, is, tally)| ObjectivesFact::SliceRejudged {
                service,
                objective,
                start,
                was,
                is,
                tally,
                reason: RejudgeReason::LateEvents
            }
        ),
        (key(), timestamp()).prop_map(|((service, objective), through)| ObjectivesFact::SlicesFinal {
            service,
            objective,
            through
        }),
        (key(), outage(), timestamp()).prop_map(|((service, objective), outage, start)| {
            ObjectivesFact::OutageOpened { outage, service, objective, start }
        }),
        (outage(), timestamp(), 0..5_u32).prop_map(|(outage, end, slices)| ObjectivesFact::OutageEnded {
            outage,
            end,
            slices
        }),
        (outage(), outage()).prop_map(|(outage, into)| ObjectivesFact::OutageMerged { outage, into }),
        (outage(), outage(), timestamp()).prop_map(|(outage, rest, start)| ObjectivesFact::OutageSplit {
            outage,
            rest,
            start
        }),
        outage().prop_map(|outage| ObjectivesFact::OutageAttributed {
            outage,
            cause: "x".into(),
            note: String::new(),
            incident: None
        }),
        (key(), timestamp()).prop_map(|((service, objective), window_start)| ObjectivesFact::BudgetSpent {
            service,
            objective,
            window_start,
            percent: 50,
            spent: Span::ZERO,
            budget: Span::ZERO
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn outages_are_the_runs_of_down_minutes_and_time_adds_up(
        steps in prop::collection::vec(step(), 1..25),
        window in (-5..60_i64, 0..60_i64),
    ) {
        let (mut play, mut model) = (Play::new(), Model::default());
        play.judge(0, &[UP]);
        model.minutes.push(Verdict::Up);
        for step in steps {
            model.take(&mut play, step);
            prop_assert_eq!(play.outages(), model.runs_of_down());
        }
        let all = availability(&play.state, &shop(), minute(0), minute(model.minutes.len() as i64));
        let count = |verdict| model.minutes.iter().filter(|minute| **minute == verdict).count() as u64;
        prop_assert_eq!(all.slices.up, count(Verdict::Up));
        prop_assert_eq!(all.slices.down, count(Verdict::Down));
        prop_assert_eq!(all.slices.unknown, count(Verdict::Unknown));

        let (from, until) = (minute(window.0), minute(window.0 + window.1));
        let part = availability(&play.state, &shop(), from, until);
        prop_assert_eq!(part.up + part.down + part.unknown, until - from);
        let by_day = days(&play.state, &shop(), from, until);
        let sum = |of: fn(&objectives::Day) -> Span| by_day.iter().fold(Span::ZERO, |sum, day| sum + of(day));
        prop_assert_eq!((sum(|day| day.up), sum(|day| day.down)), (part.up, part.down));
        prop_assert_eq!(sum(|day| day.unknown), part.unknown);

        let rows = ledger(&play.state, &shop(), from, until);
        let down = rows.iter().filter(|row| row.verdict == Verdict::Down);
        prop_assert_eq!(down.clone().count() as u64, part.slices.down);
        prop_assert!(down.clone().all(|row| row.outage.is_some()));
        let shares = causes(&play.state, &shop(), from, until);
        let shared = shares.iter().fold(Span::ZERO, |sum, share| sum + share.down);
        prop_assert_eq!(shared, part.down);
        play.assert_state_is_replay();
    }

    #[test]
    fn any_journal_can_be_folded_and_looked_at(facts in prop::collection::vec(any_fact(), 0..40)) {
        let mut state = State::default();
        for (i, fact) in facts.into_iter().enumerate() {
            let entry = Entry { seq: Seq(i as u64 + 1), at: minute(i as i64), actor: Actor::Swan, fact: fact.into() };
            apply(&mut state, &entry);
        }
        let json = serde_json::to_string(&state).unwrap();
        let again: State = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&again, &state);
        let play = {
            let mut play = Play::new();
            let configured = serde_json::from_str(&play.journal[0]).unwrap();
            apply(&mut state, &configured);
            play.state = state;
            play
        };
        let (from, until) = (minute(-30), minute(60));
        let seen = availability(&play.state, &shop(), from, until);
        prop_assert_eq!(seen.up + seen.down + seen.unknown, until - from);
        ledger(&play.state, &shop(), from, until);
        outages(&play.state, &shop(), from, until);
        unattributed(&play.state, &shop(), from, until);
        impact(&play.state, &shop(), from, until);
        let mut play = play;
        play.now = minute(2_000_000_000);
        for step in [Step::Judge { skipped: 0, tallies: vec![DOWN, UP] }, Step::Finalise { tallies: vec![UP, DOWN, UP] }] {
            Model::default().take(&mut play, step);
        }
        for n in 0..30 {
            let _ = play.correct(n, Verdict::Up);
        }
    }
}
