//! What people can rely on while an incident is open.

use facts::incidents::{Audience, DeclareReason, Phase, ResponseTeam, Severity};
use facts::{AlertingFact, Configuration, ConfigurationApplied, Entry, Fact, IncidentsFact, Seq};
use incidents::{Command, Refusal, State, WakeReason, apply, decide, next_wake};
use kernel::{Actor, GroupId, IncidentId, PersonId, ServiceId, Span, TicketId, Timestamp};

struct Play {
    state: State,
    now: Timestamp,
    seq: u64,
}

impl Play {
    fn new() -> Self {
        let mut configuration = Configuration::default();
        configuration.services.insert("shop".into(), facts::configuration::Service::default());
        for person in ["ana", "bo"] {
            configuration.people.insert(person.into(), facts::configuration::Person::default());
        }
        let applied = ConfigurationApplied { hash: "h".into(), source: "test".into(), configuration };
        let mut play = Self { state: State::default(), now: Timestamp::from_secs(1_000_000), seq: 0 };
        play.record(Fact::ConfigurationApplied(Box::new(applied)), Actor::Configuration);
        play
    }

    fn record(&mut self, fact: Fact, actor: Actor) {
        self.seq += 1;
        apply(&mut self.state, &Entry { seq: Seq(self.seq), at: self.now, actor, fact });
    }

    fn by(&mut self, person: &str, command: Command) -> Result<Vec<IncidentsFact>, Refusal> {
        let actor = Actor::Person(person.into());
        let facts = decide(&self.state, self.now, &actor, command)?;
        for fact in &facts {
            self.record(fact.clone().into(), actor.clone());
        }
        Ok(facts)
    }

    fn declare(&mut self) -> IncidentId {
        let declared = self.by("ana", declaration()).expect("a service without an open incident");
        let [IncidentsFact::IncidentDeclared { incident, .. }, ..] = declared[..] else {
            panic!("{declared:?}")
        };
        incident
    }

    fn wake(&mut self) -> Vec<IncidentsFact> {
        let wake = next_wake(&self.state).expect("something is due");
        self.now = wake.at;
        self.by("swan", Command::Wake(wake.why)).expect("a deadline is decided")
    }
}

fn declaration() -> Command {
    Command::DeclareIncident {
        service: "shop".into(),
        severity: Severity::Critical,
        title: "Checkout fails".into(),
        began_at: None,
        reason: DeclareReason::ByHand,
        groups: vec![GroupId(1)],
        leader: None,
    }
}

#[test]
fn a_service_has_one_open_incident_and_whoever_declares_it_leads() {
    let mut play = Play::new();
    let incident = play.declare();
    assert_eq!(play.state.open_by_id(incident).unwrap().leader, Some(PersonId::new("ana")));
    let shop = ServiceId::new("shop");
    assert_eq!(play.by("bo", declaration()), Err(Refusal::ServiceHasOpenIncident(shop, incident)));
    play.by("ana", Command::ResolveIncident { incident, text: "over".into() }).unwrap();
    assert_ne!(play.declare(), incident);
}

#[test]
fn a_late_update_reminds_the_leader_until_one_comes() {
    let mut play = Play::new();
    let incident = play.declare();
    let every = Span::from_mins(30);
    let declared_at = play.now;
    let reminded = play.wake();
    assert!(
        matches!(&reminded[..], [IncidentsFact::UpdateOverdue { leader: Some(ana), .. }] if ana.as_str() == "ana")
    );
    assert_eq!(play.now, declared_at + every);
    play.wake();
    assert_eq!(play.now, declared_at + every + every);
    let update = Command::PostUpdate {
        incident,
        audience: Audience::Public,
        phase: Phase::Identified,
        text: "A database".into(),
        next_due: Some(play.now + Span::from_mins(10)),
    };
    play.by("ana", update).unwrap();
    assert_eq!(next_wake(&play.state).unwrap().at, play.now + Span::from_mins(10));
}

#[test]
fn nobody_is_on_both_teams() {
    let mut play = Play::new();
    let incident = play.declare();
    let join = |team| Command::JoinTeam { incident, team, person: "bo".into() };
    play.by("bo", join(ResponseTeam::Recovery)).unwrap();
    assert_eq!(play.by("bo", join(ResponseTeam::RootCause)), Err(Refusal::OnTheOtherTeam("bo".into())));
    play.by("bo", Command::LeaveTeam { incident, team: ResponseTeam::Recovery, person: "bo".into() })
        .unwrap();
    assert_eq!(play.by("bo", join(ResponseTeam::RootCause)).unwrap().len(), 1);
}

#[test]
fn the_last_group_to_resolve_says_that_the_alerts_are_cleared() {
    let mut play = Play::new();
    let incident = play.declare();
    let join = Command::JoinGroup { service: "shop".into(), group: GroupId(2), title: "Latency".into() };
    play.by("ana", join).unwrap();
    let mut resolve = |group| {
        let facts = play.by("swan", Command::GroupResolved { group }).unwrap();
        let resolved = AlertingFact::GroupResolved { group, was_notified: true, silenced: false };
        play.record(resolved.into(), Actor::Swan);
        facts
    };
    assert_eq!(resolve(GroupId(1)), vec![]);
    assert_eq!(resolve(GroupId(2)), vec![IncidentsFact::AlertsCleared { incident }]);
}

#[test]
fn a_high_group_that_comes_back_lands_on_its_open_ticket() {
    let mut play = Play::new();
    let open =
        |group| Command::OpenTicket { service: None, title: "Disk".into(), group: Some(GroupId(group)) };
    let opened = play.by("swan", open(1)).unwrap();
    let due = play.now + Span::from_hours(24);
    assert!(matches!(opened[..], [IncidentsFact::TicketOpened { due: d, .. }] if d == due));
    assert!(matches!(play.by("swan", open(2)).unwrap()[..], [IncidentsFact::TicketRecurred { .. }]));
    assert_eq!(play.wake(), vec![IncidentsFact::TicketOverdue { ticket: TicketId(1) }]);
    assert_eq!(next_wake(&play.state), None);
    play.by("ana", Command::CloseTicket { ticket: TicketId(1), resolution: "bigger disk".into() }).unwrap();
    assert!(matches!(play.by("swan", open(3)).unwrap()[..], [IncidentsFact::TicketOpened { .. }]));
    assert!(matches!(next_wake(&play.state).unwrap().why, WakeReason::TicketDue(TicketId(2))));
}

#[test]
fn an_update_promised_too_late_is_refused() {
    let mut play = Play::new();
    let incident = play.declare();
    let late = Command::PostUpdate {
        incident,
        audience: Audience::Internal,
        phase: Phase::Investigating,
        text: "Looking".into(),
        next_due: Some(play.now + Span::from_hours(2)),
    };
    assert!(matches!(play.by("ana", late), Err(Refusal::NextUpdateTooLate(_))));
}
