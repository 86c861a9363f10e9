use std::collections::BTreeMap;

use facts::incidents::{Phase, Severity};
use facts::status::ComponentStatus;
use facts::{Entry, Fact, StatusFact};
use kernel::{Actor, ComponentId, IncidentId, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::{INCIDENTS_KEPT_MAX, UPDATES_SHOWN_MAX};
use crate::{Command, Refusal};

/// What customers are shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    services: BTreeMap<ServiceId, BTreeMap<ComponentId, Shown>>,
    incidents: BTreeMap<IncidentId, PublicIncident>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shown {
    status: ComponentStatus,
    since: Option<Timestamp>,
    because: Option<IncidentId>,
}

/// An incident as customers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicIncident {
    /// Its id.
    pub id: IncidentId,
    /// The service.
    pub service: ServiceId,
    /// Its name.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub phase: Phase,
    /// When it was first shown.
    pub published_at: Timestamp,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Oldest first.
    pub updates: Vec<PublicUpdate>,
}

/// An update as customers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicUpdate {
    /// When.
    pub at: Timestamp,
    /// Where the response stood.
    pub phase: Phase,
    /// What they read.
    pub text: String,
}

impl State {
    /// Published incidents, newest first.
    pub fn incidents(&self) -> impl Iterator<Item = &PublicIncident> {
        self.incidents.values().rev()
    }

    /// A published incident.
    pub fn incident(&self, incident: IncidentId) -> Option<&PublicIncident> {
        self.incidents.get(&incident)
    }

    /// How a component does, and since when it does not work as usual.
    pub fn component(
        &self,
        service: &ServiceId,
        component: &ComponentId,
    ) -> (ComponentStatus, Option<Timestamp>) {
        let shown = self.services.get(service).and_then(|components| components.get(component));
        shown.map_or((ComponentStatus::Operational, None), |shown| (shown.status, shown.since))
    }
}

/// Decides a command; changes nothing.
///
/// # Errors
/// When a component is named that the configuration does not have.
pub fn decide(
    state: &State,
    _now: Timestamp,
    _actor: &Actor,
    command: Command,
) -> Result<Vec<StatusFact>, Refusal> {
    match command {
        Command::PublishUpdate { .. } => Ok(publish(state, command)),
        Command::SetComponent { service, component, status, incident } => {
            let shown = state.services.get(&service).and_then(|components| components.get(&component));
            match shown {
                None => Err(Refusal::NoSuchComponent(service, component)),
                Some(shown) if shown.status == status => Ok(Vec::new()),
                Some(_) => {
                    Ok(vec![StatusFact::ComponentStatusChanged { service, component, status, incident }])
                }
            }
        }
    }
}

fn publish(state: &State, command: Command) -> Vec<StatusFact> {
    let Command::PublishUpdate { incident, service, title, severity, phase, text } = command else {
        return Vec::new();
    };
    let first = !state.incidents.contains_key(&incident);
    let shown =
        first.then(|| StatusFact::IncidentPublished { incident, service: service.clone(), title, severity });
    let update = StatusFact::UpdatePublished { incident, phase, text };
    let status = match phase {
        Phase::Resolved | Phase::Monitoring => ComponentStatus::Operational,
        Phase::Investigating | Phase::Identified => affected(severity),
    };
    let components = state.services.get(&service).into_iter().flatten();
    let changed = components.filter(|(_, shown)| {
        // What another incident or a person set is theirs to take back.
        shown.status != status && (shown.because.is_none_or(|because| because == incident))
    });
    let changed = changed.map(|(component, _)| StatusFact::ComponentStatusChanged {
        service: service.clone(),
        component: component.clone(),
        status,
        incident: Some(incident),
    });
    shown.into_iter().chain([update]).chain(changed).collect()
}

fn affected(severity: Severity) -> ComponentStatus {
    match severity {
        Severity::Minor => ComponentStatus::DegradedPerformance,
        Severity::Major => ComponentStatus::PartialOutage,
        Severity::Critical => ComponentStatus::MajorOutage,
    }
}

/// Folds one entry in. Total: what it does not know changes nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => {
            let mut before = std::mem::take(&mut state.services);
            for (service, declared) in &applied.configuration.services {
                let mut known = before.remove(service).unwrap_or_default();
                let fresh = || Shown { status: ComponentStatus::Operational, since: None, because: None };
                let kept =
                    declared.components.iter().map(|c| (c.clone(), known.remove(c).unwrap_or_else(fresh)));
                state.services.insert(service.clone(), kept.collect());
            }
        }
        Fact::Status(fact) => status_fact(state, entry.at, fact),
        _ => {}
    }
}

fn status_fact(state: &mut State, at: Timestamp, fact: &StatusFact) {
    match fact {
        StatusFact::IncidentPublished { incident, service, title, severity } => {
            let public = PublicIncident {
                id: *incident,
                service: service.clone(),
                title: title.clone(),
                severity: *severity,
                phase: Phase::Investigating,
                published_at: at,
                resolved_at: None,
                updates: Vec::new(),
            };
            state.incidents.insert(*incident, public);
            forget_oldest(state);
        }
        StatusFact::UpdatePublished { incident, phase, text } => {
            let Some(public) = state.incidents.get_mut(incident) else {
                return;
            };
            public.phase = *phase;
            public.resolved_at = (*phase == Phase::Resolved).then_some(at);
            public.updates.push(PublicUpdate { at, phase: *phase, text: text.clone() });
            if public.updates.len() > UPDATES_SHOWN_MAX {
                public.updates.remove(0);
            }
        }
        StatusFact::ComponentStatusChanged { service, component, status, incident } => {
            let works = *status == ComponentStatus::Operational;
            let shown = Shown {
                status: *status,
                since: (!works).then_some(at),
                because: if works { None } else { *incident },
            };
            state.services.entry(service.clone()).or_default().insert(component.clone(), shown);
        }
    }
}

fn forget_oldest(state: &mut State) {
    while state.incidents.len() > INCIDENTS_KEPT_MAX {
        let oldest =
            state.incidents.values().find(|public| public.resolved_at.is_some()).map(|public| public.id);
        let Some(oldest) = oldest else { return };
        state.incidents.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::{ConfigurationApplied, Seq};

    fn shop() -> State {
        let mut configuration = facts::Configuration::default();
        let service =
            facts::configuration::Service { components: vec!["checkout".into()], ..Default::default() };
        configuration.services.insert("shop".into(), service);
        let applied = ConfigurationApplied { hash: "h".into(), source: "test".into(), configuration };
        let mut state = State::default();
        record(&mut state, 0, Fact::ConfigurationApplied(Box::new(applied)));
        state
    }

    fn record(state: &mut State, secs: i64, fact: Fact) {
        apply(state, &Entry { seq: Seq(1), at: Timestamp::from_secs(secs), actor: Actor::Swan, fact });
    }

    fn publish(state: &mut State, secs: i64, incident: u64, phase: Phase) {
        let command = Command::PublishUpdate {
            incident: IncidentId(incident),
            service: "shop".into(),
            title: "Checkout fails".into(),
            severity: Severity::Major,
            phase,
            text: "…".into(),
        };
        for fact in decide(state, Timestamp::from_secs(secs), &Actor::Swan, command).unwrap() {
            record(state, secs, fact.into());
        }
    }

    #[test]
    fn the_first_public_update_shows_the_incident_and_the_last_one_ends_it() {
        let mut state = shop();
        let component = (ServiceId::new("shop"), ComponentId::new("checkout"));
        publish(&mut state, 10, 1, Phase::Investigating);
        let since = Some(Timestamp::from_secs(10));
        assert_eq!(state.component(&component.0, &component.1), (ComponentStatus::PartialOutage, since));
        publish(&mut state, 20, 1, Phase::Resolved);
        assert_eq!(state.component(&component.0, &component.1), (ComponentStatus::Operational, None));
        let public = state.incident(IncidentId(1)).unwrap();
        assert_eq!((public.updates.len(), public.resolved_at), (2, Some(Timestamp::from_secs(20))));
    }

    #[test]
    fn one_incidents_end_does_not_hide_anothers_effect() {
        let mut state = shop();
        publish(&mut state, 10, 1, Phase::Investigating);
        publish(&mut state, 20, 2, Phase::Investigating);
        publish(&mut state, 30, 2, Phase::Resolved);
        let (status, _) = state.component(&"shop".into(), &"checkout".into());
        assert_eq!(status, ComponentStatus::PartialOutage);
    }

    #[test]
    fn a_component_that_is_not_declared_is_refused_by_name() {
        let command = Command::SetComponent {
            service: "shop".into(),
            component: "search".into(),
            status: ComponentStatus::MajorOutage,
            incident: None,
        };
        let refused = decide(&shop(), Timestamp::default(), &Actor::Swan, command).unwrap_err();
        assert_eq!(refused, Refusal::NoSuchComponent("shop".into(), "search".into()));
    }
}
