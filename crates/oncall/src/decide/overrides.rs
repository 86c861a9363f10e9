use facts::OncallFact;
use kernel::{OverrideId, PersonId, RotationId, Timestamp};

use super::Decision;
use crate::limits::{OVERRIDE_AHEAD_MAX, OVERRIDE_LENGTH_MAX, OVERRIDES_MAX};
use crate::{Refusal, State};

/// An override that began earlier than now begins now: nobody changes who was on call.
pub(super) fn add(
    state: &State,
    now: Timestamp,
    rotation: RotationId,
    person: PersonId,
    from: Timestamp,
    until: Timestamp,
) -> Decision {
    if !state.rotations.contains_key(&rotation) {
        return Err(Refusal::NoSuchRotation(rotation));
    }
    match state.people.get(&person).map(Vec::as_slice) {
        None => return Err(Refusal::NoSuchPerson(person)),
        Some([]) => return Err(Refusal::PersonHasNoContact(person)),
        Some(_) => {}
    }
    let from = from.max(now);
    if until <= from {
        return Err(Refusal::OverrideIsEmpty);
    }
    if until - from > OVERRIDE_LENGTH_MAX || from - now > OVERRIDE_AHEAD_MAX {
        return Err(Refusal::OverrideIsTooLong);
    }
    let waiting = || state.overrides.values().filter(|known| known.until > now);
    let same_again = waiting().any(|known| {
        known.rotation == rotation
            && known.person == person
            && known.from.max(now) == from
            && known.until == until
    });
    if same_again {
        return Ok(Vec::new());
    }
    if waiting().count() >= OVERRIDES_MAX {
        return Err(Refusal::TooManyOverrides);
    }
    let id = OverrideId(state.last_override.saturating_add(1));
    Ok(vec![OncallFact::OverrideAdded { id, rotation, person, from, until }])
}

pub(super) fn remove(state: &State, id: OverrideId) -> Decision {
    match state.overrides.contains_key(&id) {
        true => Ok(vec![OncallFact::OverrideRemoved { id }]),
        false if id.0 == 0 || id.0 > state.last_override => Err(Refusal::NoSuchOverride(id)),
        false => Ok(Vec::new()),
    }
}
