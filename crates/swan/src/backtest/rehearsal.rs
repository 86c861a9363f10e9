//! The engine in virtual time: it is told what rules found, wakes at its own deadlines, and hears of the silences that
//! people made. It is the engine that serves; nothing of what it decides is decided here.
//!
//! Two things differ from the world: whoever is paged acknowledges at once (so a page is counted once, and no policy is
//! walked), and nothing is handed to a provider.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alerting::Silence;
use alerting::templates::Outside;
use engine::{Engine, Refusal, World};
use facts::configuration::{RuleGroup, Service};
use facts::oncall::{OncallFact, Via};
use facts::{Configuration, ConfigurationApplied, Entry, Fact};
use kernel::{Actor, Labels, SilenceId, Timestamp};

/// Who made a silence, and who acknowledges.
const SOMEBODY: &str = "backtest";

/// The engine, and what people will do to silences.
pub(crate) struct Rehearsal {
    engine: Engine,
    silences: VecDeque<(Timestamp, Move)>,
    /// Under which id the engine knows a past silence.
    ids: BTreeMap<SilenceId, SilenceId>,
    /// Hears of every entry.
    heard: Vec<Entry>,
    /// What templates see.
    outside: Arc<Outside>,
}

enum Move {
    Create(Box<Silence>),
    End(SilenceId),
}

impl Rehearsal {
    /// An engine with these rules and everything else of the configuration that decides who is told of what.
    pub(crate) fn new(
        groups: &[RuleGroup],
        configuration: &Configuration,
        silences: &[Silence],
        start: Timestamp,
    ) -> Self {
        let mut engine = Engine::new(World::default());
        let outside = Arc::new(Outside { labels: configuration.external(), ..Outside::default() });
        let configuration = what_counts(groups, configuration);
        let applied =
            ConfigurationApplied { hash: String::new(), source: SOMEBODY.to_owned(), configuration };
        let command = engine::Command::ApplyConfiguration(Box::new(applied));
        let heard =
            engine.decide(start, &Actor::Configuration, command).expect("a configuration is never refused");
        Self { engine, silences: moves(silences, start), ids: BTreeMap::new(), heard, outside }
    }

    /// Everything that was recorded since this was asked last.
    pub(crate) fn heard(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.heard)
    }

    /// Lets time pass: deadlines and people's silences, in their order, those at the instant itself included.
    pub(crate) fn pass(&mut self, until: Timestamp) {
        loop {
            let wake = self.engine.next_wake().filter(|wake| wake.at <= until);
            let silence = self.silences.front().map(|(at, _)| *at).filter(|at| *at <= until);
            match (wake, silence) {
                (Some(wake), silence) if silence.is_none_or(|at| wake.at <= at) => {
                    let entries = self.engine.wake(wake.at, &wake);
                    self.hear(entries);
                }
                (_, Some(_)) => self.next_silence(),
                _ => return,
            }
        }
    }

    /// A rule was evaluated. Time has [passed](Self::pass) up to there.
    pub(crate) fn judge(
        &mut self,
        group: &str,
        rule: usize,
        at: Timestamp,
        elements: Vec<(Labels, f64)>,
    ) -> Result<(), Refusal> {
        let command = alerting::Command::JudgeRule {
            group: group.to_owned(),
            rule,
            at,
            elements,
            outside: Arc::clone(&self.outside),
        };
        let entries = self.engine.decide(at, &Actor::Swan, command.into())?;
        self.hear(entries);
        Ok(())
    }

    fn hear(&mut self, entries: Vec<Entry>) {
        let opened: Vec<_> = entries
            .iter()
            .filter_map(|entry| match &entry.fact {
                Fact::Oncall(OncallFact::PageOpened { page, .. }) => Some((entry.at, *page)),
                _ => None,
            })
            .collect();
        self.heard.extend(entries);
        for (at, page) in opened {
            let command = oncall::Command::AcknowledgePage { page, via: Via::Api };
            let somebody = Actor::Token(SOMEBODY.to_owned());
            // A page that is over by now needs nobody's answer.
            if let Ok(entries) = self.engine.decide(at, &somebody, command.into()) {
                self.heard.extend(entries);
            }
        }
    }

    fn next_silence(&mut self) {
        let Some((at, step)) = self.silences.pop_front() else { return };
        let (command, past) = match step {
            Move::Create(silence) => (create(&silence), Some(silence.id)),
            Move::End(past) => {
                let Some(silence) = self.ids.get(&past).copied() else { return };
                (alerting::Command::ExpireSilence { silence }, None)
            }
        };
        // What was once taken can stand against today's rules, and then it mutes nothing.
        let Ok(entries) = self.engine.decide(at, &Actor::Token(SOMEBODY.to_owned()), command.into()) else {
            return;
        };
        let created = entries.iter().find_map(|entry| match &entry.fact {
            Fact::Alerting(facts::alerting::AlertingFact::SilenceCreated { silence, .. }) => Some(*silence),
            _ => None,
        });
        if let (Some(past), Some(created)) = (past, created) {
            self.ids.insert(past, created);
        }
        self.hear(entries);
    }
}

fn create(silence: &Silence) -> alerting::Command {
    alerting::Command::CreateSilence {
        replaces: None,
        matchers: silence.matchers().cloned().collect(),
        starts_at: silence.starts_at,
        ends_at: silence.ends_at,
        comment: silence.comment.clone(),
        created_by: silence.created_by.clone(),
    }
}

/// When silences began and were ended by hand, in order.
fn moves(silences: &[Silence], start: Timestamp) -> VecDeque<(Timestamp, Move)> {
    let mut moves = Vec::new();
    for silence in silences {
        let over = silence.ended_at.unwrap_or(silence.ends_at).min(silence.ends_at);
        if over <= start {
            continue;
        }
        // Nobody makes one that began before, so it mutes nothing sooner.
        moves.push((silence.starts_at.max(start), Move::Create(Box::new(silence.clone()))));
        if over < silence.ends_at {
            moves.push((over, Move::End(silence.id)));
        }
    }
    moves.sort_by_key(|(at, step)| (*at, matches!(step, Move::End(_))));
    moves.into()
}

/// Rules, grouping and the names of services. Who is on call decides who is woken, never whether somebody is.
fn what_counts(groups: &[RuleGroup], configuration: &Configuration) -> Configuration {
    let services = configuration.services.keys().map(|id| (id.clone(), Service::default())).collect();
    Configuration {
        services,
        rule_groups: groups.to_vec(),
        alerting: configuration.alerting.clone(),
        ..Configuration::default()
    }
}
