//! What stands behind the router of a stage: ports that keep everything in memory, or have nothing to say.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use engine::port::{Decided, Reply, Unavailable, View};
use engine::{Command, Engine};
use facts::{Entry, Seq, Stream};
use kernel::{Actor, HeartbeatId, PageId, PersonId, Timestamp};
use promql::{Matcher, TimeRange};

use super::PASSWORD;
use crate::ports::{
    About, ActiveTarget, Appended, BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting,
    Backtests, Beat, Caller, Clock, Configurations, Directory, DroppedTarget, Evaluation, FamilyMetadata,
    Fault, Heartbeats, Intake, Journal, Measured, Metadata, NotKept, OwnMetrics, Problem, Process,
    RequestEvents, Requests, Role, RuleHealth, Samples, SeriesSamples, Storage, StorageStats, Submission,
    Taken, Targets, Uncounted,
};

/// Everything behind the router.
pub(super) struct Hall {
    pub(super) engine: Mutex<Engine>,
    pub(super) journal: Mutex<Vec<Entry>>,
    pub(super) now: Mutex<Timestamp>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Hall {
    pub(super) fn decide(&self, actor: &Actor, command: Command) -> Result<Decided, engine::Refusal> {
        let mut engine = locked(&self.engine);
        let entries = engine.decide(self.now(), actor, command)?;
        locked(&self.journal).extend(entries.iter().cloned());
        Ok(Decided { head: engine.world().head(), entries })
    }
}

impl Clock for Hall {
    fn now(&self) -> Timestamp {
        *locked(&self.now)
    }
}

impl engine::port::Port for Hall {
    fn submit(&self, actor: Actor, command: Command, reply: Reply) -> Result<(), Unavailable> {
        reply(self.decide(&actor, command));
        Ok(())
    }
    fn view(&self, view: View) -> Result<(), Unavailable> {
        view(locked(&self.engine).world());
        Ok(())
    }
}

impl Journal for Hall {
    fn streams(&self, streams: &[Stream], limit: usize) -> Result<Vec<Entry>, Fault> {
        let journal = locked(&self.journal);
        let of_them = |entry: &&Entry| entry.fact.streams().iter().any(|stream| streams.contains(stream));
        let found: Vec<Entry> = journal.iter().filter(of_them).cloned().collect();
        let older = found.len().saturating_sub(limit);
        Ok(found[older..].to_vec())
    }
    fn after(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, Fault> {
        Ok(locked(&self.journal).iter().filter(|entry| entry.seq > seq).take(limit).cloned().collect())
    }
}

impl Directory for Hall {
    fn token(&self, _: &str) -> Result<Option<Caller>, Fault> {
        Ok(None)
    }
    fn session(&self, cookie: &str) -> Result<Option<Caller>, Fault> {
        let person = cookie.strip_prefix("session-of-").map(PersonId::from);
        Ok(person.map(|person| Caller { actor: Actor::Person(person), role: Role::Responder }))
    }
    fn sign_in(&self, person: &PersonId, password: &str) -> Result<Option<String>, Fault> {
        Ok((password == PASSWORD).then(|| format!("session-of-{person}")))
    }
    fn sign_out(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    fn create_token(&self, _: &str, _: Role) -> Result<String, NotKept> {
        not_staged("make a token").map_err(NotKept::Fault)
    }
    fn revoke_token(&self, _: &str) -> Result<bool, Fault> {
        not_staged("take a token back")
    }
    fn set_password(&self, _: &PersonId, _: &str) -> Result<(), NotKept> {
        not_staged("set a password").map_err(NotKept::Fault)
    }
    fn acknowledge_link(&self, token: &str) -> Result<Option<(PageId, PersonId)>, Fault> {
        let link = token.split_once('.');
        Ok(link.and_then(|(person, page)| Some((page.parse().ok()?, PersonId::from(person)))))
    }
}

fn not_staged<T>(doing: &'static str) -> Result<T, Fault> {
    Err(Fault { doing, detail: "not on this stage".to_owned() })
}

impl Samples for Hall {
    fn append_from(&self, _: &str, _: &[SeriesSamples<'_>]) -> Result<Appended, Fault> {
        not_staged("write samples")
    }
}

impl Intake for Hall {
    fn take(&self, _: &str, _: &[Measured<'_>]) -> Result<Taken, Fault> {
        not_staged("write samples")
    }

    fn note(&self, _: &[(&str, Metadata)]) {}
}

impl Requests for Hall {
    fn record(&self, _: &[RequestEvents<'_>]) -> Result<Uncounted, Fault> {
        not_staged("count requests")
    }
}

impl Heartbeats for Hall {
    fn beat(&self, _: &HeartbeatId, _: Beat) -> Result<bool, Fault> {
        not_staged("take a heartbeat")
    }
}

impl Configurations for Hall {
    fn check(&self, _: &Submission) -> Vec<Problem> {
        Vec::new()
    }
    fn read_only(&self) -> Option<String> {
        None
    }
    fn prepare(&self, _: Submission) -> Result<Command, Fault> {
        not_staged("prepare a configuration")
    }
}

impl OwnMetrics for Hall {
    fn render(&self) -> String {
        String::new()
    }
    fn answered(&self, _: &str, _: u16, _: std::time::Duration) {}
}

impl Storage for Hall {
    fn stats(&self, _: usize) -> Result<StorageStats, Fault> {
        Ok(StorageStats::default())
    }
    fn delete(&self, _: &[Matcher], _: TimeRange) -> Result<(), Fault> {
        not_staged("delete samples")
    }
    fn clean(&self) -> Result<(), Fault> {
        not_staged("clean the store")
    }
    fn snapshot(&self) -> Result<String, Fault> {
        not_staged("make a snapshot")
    }
}

impl Targets for Hall {
    fn pools(&self) -> Vec<String> {
        Vec::new()
    }
    fn active(&self) -> Vec<ActiveTarget> {
        Vec::new()
    }
    fn dropped(&self) -> Vec<DroppedTarget> {
        Vec::new()
    }
    fn dropped_counts(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
    fn metadata(&self, _: Option<&str>) -> Vec<FamilyMetadata> {
        Vec::new()
    }
}

impl RuleHealth for Hall {
    fn rule(&self, _: &str, _: usize) -> Option<Evaluation> {
        None
    }
    fn group(&self, _: &str) -> Option<Evaluation> {
        None
    }
}

impl Process for Hall {
    fn about(&self) -> About {
        About {
            started_at: Clock::now(self),
            directory: String::new(),
            host: String::new(),
            threads: 1,
            retention: kernel::Span::ZERO,
            flags: BTreeMap::new(),
        }
    }
    fn promql(&self) -> promql::Settings {
        promql::Settings::default()
    }
}

impl Backtests for Hall {
    fn run(
        &self,
        _: &BacktestAsked,
        _: &BacktestSetting,
        _: &(dyn Fn() -> bool + Sync),
    ) -> Result<BacktestReport, BacktestRefusal> {
        let sentence = "nothing is stored here".to_owned();
        Err(BacktestRefusal { code: "bad_backtest", sentence, hint: None })
    }
}
