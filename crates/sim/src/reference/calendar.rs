//! Who is on call, by counting days on the wall calendar.
//!
//! It looks only at what the wall clock reads, so it holds for hand-offs at times of day that no clock change
//! touches; the simulated company has no others.

use std::collections::BTreeMap;

use facts::configuration::{Configuration, Rotation};
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use kernel::{OverrideId, PersonId, RotationId, Timestamp};

/// An exception as the journal tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) rotation: RotationId,
    pub(crate) person: PersonId,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// Zones, looked up once.
pub(crate) struct Calendar {
    database: TimeZoneDatabase,
    zones: BTreeMap<String, TimeZone>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { database: TimeZoneDatabase::bundled(), zones: BTreeMap::new() }
    }
}

impl Calendar {
    pub(crate) fn on_call(
        &mut self,
        id: &RotationId,
        configuration: &Configuration,
        exceptions: &BTreeMap<OverrideId, Exception>,
        at: Timestamp,
    ) -> Option<PersonId> {
        let rotation = configuration.rotations.get(id)?;
        let exception = exceptions.values().rev().find(|exception| {
            let known = configuration.people.contains_key(&exception.person);
            exception.rotation == *id && known && exception.from <= at && at < exception.until
        });
        if let Some(exception) = exception {
            return Some(exception.person.clone());
        }
        let count = rotation.members.len() as i64;
        if count == 0 {
            return None;
        }
        let turn = self.turns_since_start(rotation, at).rem_euclid(count);
        Some(rotation.members[turn as usize].clone())
    }

    fn turns_since_start(&mut self, rotation: &Rotation, at: Timestamp) -> i64 {
        let local = self.zone(&rotation.timezone).to_datetime(at.to_jiff());
        let handoff = rotation.handoff;
        let time = Time::constant(handoff.hour as i8, handoff.minute as i8, 0, 0);
        let start = rotation.start.as_deref().map_or(Ok(Date::constant(1970, 1, 1)), str::parse);
        let mut first: Date = start.expect("the company's dates are dates");
        let step = match handoff.weekday {
            None => 1,
            Some(weekday) => {
                while first.weekday().to_monday_zero_offset() != weekday as i8 {
                    first = first.tomorrow().expect("a first day is followed by others");
                }
                7
            }
        };
        let days = i64::from(first.until(local.date()).expect("both are dates of our time").get_days());
        let not_yet = days.rem_euclid(step) == 0 && local.time() < time;
        days.div_euclid(step) - i64::from(not_yet)
    }

    fn zone(&mut self, name: &str) -> &TimeZone {
        let database = &self.database;
        let zone = self.zones.entry(name.to_owned());
        zone.or_insert_with(|| database.get(name).expect("the company's zones are zones"))
    }
}
