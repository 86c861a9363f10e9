//! A stage for tests: the real router over the real engine, with ports that keep everything in memory and a clock
//! that stands until it is moved. A link is `PERSON.PAGE`, a session `session-of-PERSON`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use engine::port::{Decided, Reply, Unavailable, View};
use engine::{Command, Engine, World};
use facts::configuration::{
    Channel, ContactRef, EscalationPolicy, EscalationStep, Objective, Person, Rotation, Service, Sli,
    StatusPage, Target, Window,
};
use facts::incidents::{Audience, DeclareReason, Phase, Severity};
use facts::objectives::Tally;
use facts::{Configuration, ConfigurationApplied, Entry, Seq, Stream};
use kernel::{
    Actor, ComponentId, HeartbeatId, IncidentId, Labels, PageId, PersonId, Ratio, ServiceId, Span, Timestamp,
};
use promql::in_memory::InMemory;
use promql::{Matcher, TimeRange};
use tower::ServiceExt;

use super::shell::encoded;
use crate::doors::{Doors, router};
use crate::ports::{
    About, ActiveTarget, Appended, BacktestAsked, BacktestRefusal, BacktestReport, BacktestSetting,
    Backtests, Beat, Caller, Clock, Configurations, Directory, DroppedTarget, Evaluation, FamilyMetadata,
    Fault, Heartbeats, Intake, Journal, Measured, Metadata, NotKept, OwnMetrics, Ports, Problem, Process,
    RequestEvents, Requests, Role, RuleHealth, Samples, SeriesSamples, Storage, StorageStats, Submission,
    Taken, Targets, Uncounted,
};

/// Everybody's password.
pub(super) const PASSWORD: &str = "correct horse";
/// The heaviest that a page may be.
pub(super) const PAGE_BYTES_MAX: usize = 30_000;

/// Everything behind the router.
struct Hall {
    engine: Mutex<Engine>,
    journal: Mutex<Vec<Entry>>,
    now: Mutex<Timestamp>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Hall {
    fn decide(&self, actor: &Actor, command: Command) -> Result<Decided, engine::Refusal> {
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

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails where the page does not show this text.
    pub(super) fn shows(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "`{text}` is missing in {}:\n{}", self.status, self.body);
        self
    }

    pub(super) fn hides(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "`{text}` is shown in {}:\n{}", self.status, self.body);
        self
    }
}

/// The stage.
pub(super) struct Stage {
    hall: Arc<Hall>,
    router: Router,
    /// Whose session requests carry.
    person: Option<&'static str>,
}

impl Stage {
    /// Nothing is configured.
    pub(super) fn empty() -> Self {
        let hall = Arc::new(Hall {
            engine: Mutex::new(Engine::default()),
            journal: Mutex::default(),
            now: Mutex::new("2026-11-20T09:30:00Z".parse().unwrap()),
        });
        let ports = Ports {
            engine: hall.clone(),
            samples: hall.clone(),
            intake: hall.clone(),
            series: Arc::new(InMemory::new()),
            storage: hall.clone(),
            targets: hall.clone(),
            rules: hall.clone(),
            process: hall.clone(),
            requests: hall.clone(),
            heartbeats: hall.clone(),
            journal: hall.clone(),
            directory: hall.clone(),
            configurations: hall.clone(),
            backtests: hall.clone(),
            clock: hall.clone(),
            own_metrics: hall.clone(),
        };
        let (_, head) = tokio::sync::watch::channel(0);
        let doors = Doors { trust_loopback: false, public_url: "https://swan.example.com".to_owned(), head };
        Self { hall, router: router(ports, doors), person: None }
    }

    /// A shop and its search, which alice and bob look after.
    pub(super) fn new() -> Self {
        let stage = Self::empty();
        stage.configure(configuration());
        stage
    }

    /// The same stage for somebody who is signed in.
    pub(super) fn signed_in(mut self, person: &'static str) -> Self {
        self.person = Some(person);
        self
    }

    pub(super) fn configure(&self, configuration: Configuration) {
        let hash = format!("{configuration:?}");
        let applied = ConfigurationApplied { hash, source: "test".to_owned(), configuration };
        self.decide(Actor::Configuration, Command::ApplyConfiguration(Box::new(applied)));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.hall.now()
    }

    pub(super) fn world(&self) -> World {
        locked(&self.hall.engine).world().clone()
    }

    pub(super) fn decide(&self, actor: Actor, command: impl Into<Command>) {
        self.hall.decide(&actor, command.into()).unwrap();
    }

    /// Moves the clock, through every deadline on the way.
    pub(super) fn advance(&self, span: Span) {
        let until = self.now() + span;
        loop {
            let due = locked(&self.hall.engine).next_wake().filter(|wake| wake.at <= until);
            let Some(due) = due else { break };
            let at = due.at.max(self.now());
            *locked(&self.hall.now) = at;
            let woken = locked(&self.hall.engine).wake(at, &due);
            locked(&self.hall.journal).extend(woken);
        }
        *locked(&self.hall.now) = until;
    }

    /// A critical alert of the shop fires, which pages alice as `page_1`.
    pub(super) fn fire(&self, summary: &str) {
        self.post_alert(summary, Some(self.now() - Span::from_mins(5)), None);
    }

    /// The alert of [`fire`](Self::fire) is over.
    pub(super) fn clear(&self, summary: &str) {
        self.post_alert(summary, Some(self.now() - Span::from_mins(10)), Some(self.now()));
    }

    fn post_alert(&self, summary: &str, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) {
        let labels = [("alertname", "HighErrorRate"), ("service", "shop"), ("priority", "critical")];
        let posted = alerting::PostedAlert {
            labels: Labels::new(labels).unwrap(),
            annotations: [("summary".to_owned(), summary.to_owned())].into(),
            starts_at,
            ends_at,
            generator_url: None,
        };
        self.decide(Actor::Token("prometheus".to_owned()), alerting::Command::ReceiveAlerts(vec![posted]));
    }

    /// An incident of the shop: told to customers, and resolved after ten minutes.
    pub(super) fn past_incident(&self, title: &str, text: &str) {
        self.open_incident(title, text);
        let incident = self.world().incidents.open_of(&"shop".into()).unwrap().id;
        self.advance(Span::from_mins(10));
        let resolve = incidents::Command::ResolveIncident { incident, text: format!("{text} It is over.") };
        self.decide(Actor::Person("alice".into()), resolve);
    }

    /// An incident of the shop, told to customers.
    pub(super) fn open_incident(&self, title: &str, text: &str) -> IncidentId {
        let declare = incidents::Command::DeclareIncident {
            service: "shop".into(),
            severity: Severity::Major,
            title: title.to_owned(),
            began_at: None,
            reason: DeclareReason::ByHand,
            groups: Vec::new(),
            leader: None,
        };
        self.decide(Actor::Person("alice".into()), declare);
        let incident = self.world().incidents.open_of(&"shop".into()).unwrap().id;
        let update = incidents::Command::PostUpdate {
            incident,
            audience: Audience::Public,
            phase: Phase::Investigating,
            text: text.to_owned(),
            next_due: None,
        };
        self.decide(Actor::Person("alice".into()), update);
        incident
    }

    /// Judges so many whole days of a service before today: day `n` is down for `down_mins(n)` minutes at its start.
    pub(super) fn judge_days(&self, service: &str, days: i64, down_mins: impl Fn(i64) -> usize) {
        let today = self.now().floor(Span::from_days(1));
        for day in 0..days {
            let tally = |minute: usize| Tally { good: 50, bad: if minute < down_mins(day) { 50 } else { 0 } };
            let judge = objectives::Command::JudgeSlices {
                service: service.into(),
                objective: "availability".into(),
                from: today - Span::from_days(days - day),
                tallies: (0..1440).map(|minute| Some(tally(minute))).collect(),
            };
            self.decide(Actor::Swan, judge);
        }
    }

    pub(super) async fn get(&self, path: &str) -> Seen {
        self.send(Method::GET, path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Seen {
        let pairs = form.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send(Method::POST, path, &[("origin", "https://swan.example.com")], &body).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(person) = self.person {
            request = request.header(header::COOKIE, format!("swan_session=session-of-{person}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Seen { status: parts.status, headers: parts.headers, body }
    }
}

pub(super) fn configuration() -> Configuration {
    let mut configuration = Configuration::default();
    for (name, components) in [("search", vec![]), ("shop", vec!["checkout", "search", "pages"])] {
        let objective = Objective {
            name: "availability".into(),
            sli: Sli { requests: Some(name.to_owned()), slice: Span::from_mins(1), ..Sli::default() },
            target: Ratio { ppm: 999_000 },
            window: Window::Rolling(Span::from_days(28)),
        };
        let components = components.into_iter().map(ComponentId::from).collect();
        let service = Service { components, objectives: vec![objective], ..Service::default() };
        configuration.services.insert(ServiceId::from(name), service);
    }
    for name in ["alice", "bob"] {
        let contact = ContactRef { id: format!("{name}/email/1").as_str().into(), channel: Channel::Email };
        configuration.people.insert(name.into(), Person { contacts: vec![contact] });
    }
    let rotation = Rotation {
        members: vec!["alice".into(), "bob".into()],
        handoff: "Mon 10:00".parse().unwrap(),
        timezone: "UTC".to_owned(),
        start: Some("2026-11-16".to_owned()),
    };
    configuration.rotations.insert("first-line".into(), rotation);
    let step = |target| EscalationStep { notify: vec![target], wait: Span::from_mins(5) };
    let steps = vec![step(Target::Rotation("first-line".into())), step(Target::User("bob".into()))];
    configuration.escalation.insert("default".into(), EscalationPolicy { steps, repeat: 0 });
    let page = StatusPage {
        title: Some("Shop status".to_owned()),
        host: None,
        components: vec!["shop/*".to_owned(), "search/*".to_owned()],
    };
    configuration.status_pages.insert("public".into(), page);
    configuration
}
