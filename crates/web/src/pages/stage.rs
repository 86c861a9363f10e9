//! A stage for tests: the real router over the real engine, with ports that keep everything in memory and a clock
//! that stands until it is moved. A link is `PERSON.PAGE`, a session `session-of-PERSON`.

mod hall;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use engine::{Command, Engine, World};
use facts::configuration::{
    Channel, ContactRef, EscalationPolicy, EscalationStep, Objective, Person, Rotation, Service, Sli,
    StatusPage, Target, Window,
};
use facts::incidents::{Audience, DeclareReason, Phase, Severity};
use facts::objectives::Tally;
use facts::{Configuration, ConfigurationApplied};
use kernel::{Actor, ComponentId, IncidentId, Labels, Ratio, ServiceId, Span, Timestamp};
use promql::in_memory::InMemory;
use tower::ServiceExt;

use self::hall::{Hall, locked};
use super::shell::encoded;
use crate::doors::Doors;
use crate::ports::{Clock, Ports};
use crate::router::router;

/// Everybody's password.
pub(super) const PASSWORD: &str = "correct horse";
/// The heaviest that a page may be.
pub(super) const PAGE_BYTES_MAX: usize = 30_000;

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
        let (_, live) = crate::live::channel(facts::Seq(0));
        let doors = Doors { trust_loopback: false, public_url: "https://swan.example.com".to_owned(), live };
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
