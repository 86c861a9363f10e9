use facts::capacity::CapacityFact;
use facts::{ConfigurationApplied, Entry, Fact};
use kernel::{ScalableId, Timestamp};

use crate::state::{Near, State, Unreadable};

/// Folds one entry into the state. Facts that are not about ceilings change nothing.
pub fn apply(state: &mut State, entry: &Entry) {
    match &entry.fact {
        Fact::ConfigurationApplied(applied) => configure(state, applied, entry.at),
        Fact::Capacity(fact) => fold(state, fact, entry.at),
        _ => {}
    }
}

fn configure(state: &mut State, applied: &ConfigurationApplied, at: Timestamp) {
    let scalables = &applied.configuration.scalables;
    state.alert_at = scalables.iter().map(|(id, scalable)| (id.clone(), scalable.alert_at)).collect();
    let known: Vec<ScalableId> = state.near.keys().chain(state.unreadable.keys()).cloned().collect();
    for scalable in known {
        retire_unless_configured(state, &scalable, at);
    }
}

fn fold(state: &mut State, fact: &CapacityFact, at: Timestamp) {
    let scalable = match fact {
        CapacityFact::CeilingNear { scalable, reading } => {
            state.near.insert(scalable.clone(), Near { since: at, reading: *reading });
            scalable
        }
        CapacityFact::CeilingCleared { scalable, .. } => {
            state.near.remove(scalable);
            scalable
        }
        CapacityFact::CapacityUnreadable { scalable, detail } => {
            state.unreadable.insert(scalable.clone(), Unreadable { since: at, detail: detail.clone() });
            scalable
        }
        CapacityFact::CapacityReadable { scalable, .. } => {
            state.unreadable.remove(scalable);
            scalable
        }
    };
    retire_unless_configured(state, scalable, at);
}

fn retire_unless_configured(state: &mut State, scalable: &ScalableId, at: Timestamp) {
    let told = state.near.contains_key(scalable) || state.unreadable.contains_key(scalable);
    if told && !state.alert_at.contains_key(scalable) {
        state.retired.entry(scalable.clone()).or_insert(at);
    } else {
        state.retired.remove(scalable);
    }
}
