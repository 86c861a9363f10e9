use facts::capacity::{CapacityFact, Reading};
use kernel::{Actor, Ratio, ScalableId, Timestamp};

use crate::limits::DETAIL_BYTES_MAX;
use crate::{Command, Refusal, State, WakeReason};

/// What a command leads to. A reading that changes nothing leads to nothing.
pub fn decide(
    state: &State,
    _now: Timestamp,
    _actor: &Actor,
    command: Command,
) -> Result<Vec<CapacityFact>, Refusal> {
    match command {
        Command::JudgeReading { scalable, reading } => {
            let alert_at = configured(state, &scalable)?;
            Ok(judge(state, scalable, alert_at, reading))
        }
        Command::ReportUnreadable { scalable, detail } => {
            configured(state, &scalable)?;
            Ok(unreadable(state, scalable, detail))
        }
        Command::Wake(WakeReason::NoLongerConfigured(scalable)) => Ok(retire(state, scalable)),
    }
}

fn configured(state: &State, scalable: &ScalableId) -> Result<Ratio, Refusal> {
    state.alert_at.get(scalable).copied().ok_or_else(|| Refusal::NoSuchScalable(scalable.clone()))
}

fn judge(state: &State, scalable: ScalableId, alert_at: Ratio, reading: Reading) -> Vec<CapacityFact> {
    if reading.current.is_nan() || reading.maximum.is_nan() {
        let which = if reading.current.is_nan() { "current" } else { "maximum" };
        return unreadable(state, scalable, format!("`{which}` is NaN"));
    }
    let mut facts = Vec::new();
    if state.unreadable.contains_key(&scalable) {
        facts.push(CapacityFact::CapacityReadable { scalable: scalable.clone(), reading: Some(reading) });
    }
    match (state.near.contains_key(&scalable), is_near(&reading, alert_at)) {
        (false, true) => facts.push(CapacityFact::CeilingNear { scalable, reading }),
        (true, false) => facts.push(CapacityFact::CeilingCleared { scalable, reading: Some(reading) }),
        (true, true) | (false, false) => {}
    }
    facts
}

/// Neither `current` nor `maximum` is NaN; `minimum` is where none is configured, and equals nothing then.
fn is_near(reading: &Reading, alert_at: Ratio) -> bool {
    let pinned = reading.minimum == reading.maximum;
    // Both sides are the nearest number to their quotient, so that 87 of 100 reaches 87 % exactly.
    let reached = reading.current / reading.maximum >= alert_at.as_f64();
    reading.maximum > 0.0 && reading.maximum.is_finite() && !pinned && reached
}

fn unreadable(state: &State, scalable: ScalableId, mut detail: String) -> Vec<CapacityFact> {
    if state.unreadable.contains_key(&scalable) {
        return Vec::new();
    }
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    vec![CapacityFact::CapacityUnreadable { scalable, detail }]
}

fn retire(state: &State, scalable: ScalableId) -> Vec<CapacityFact> {
    if !state.retired.contains_key(&scalable) {
        return Vec::new();
    }
    let mut facts = Vec::new();
    if state.near.contains_key(&scalable) {
        facts.push(CapacityFact::CeilingCleared { scalable: scalable.clone(), reading: None });
    }
    if state.unreadable.contains_key(&scalable) {
        facts.push(CapacityFact::CapacityReadable { scalable, reading: None });
    }
    facts
}
