//! Who is on call in a rotation, when.
//!
//! A rotation hands over at a wall-clock time in its zone, every day or every week, for ever in both directions: at
//! each instant it has exactly one person on call, unless it has no members. A hand-off takes place at the first
//! instant at which the wall clock of its day reads its time or later. A time that a clock change skips therefore
//! happens where the gap ends, and one that comes twice happens the first time. An override takes its
//! rotation from its beginning to just before its end; of two, the later entered one counts.
//!
//! Zones are those compiled into the program; nothing here reads a clock, a file or the environment.

use std::fmt;
use std::sync::LazyLock;

use facts::configuration::{Configuration, EscalationStep, Handoff, Rotation, Target};
use facts::oncall::{Because, Responder};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use kernel::{OverrideId, PersonId, RotationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::SHIFTS_MAX;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An exception to a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: OverrideId,
    /// In which rotation.
    pub rotation: RotationId,
    /// Who is on call instead.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// Until just before when.
    pub until: Timestamp,
}

/// A stretch in which one person is on call for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub person: PersonId,
    /// From when.
    pub from: Timestamp,
    /// Until just before when.
    pub until: Timestamp,
    /// By the rotation or by an override.
    pub because: Because,
}

/// A stretch in which nobody can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// From when.
    pub from: Timestamp,
    /// Until just before when.
    pub until: Timestamp,
    /// Who is on call without being reachable; `None` where nobody is on call.
    pub person: Option<PersonId>,
}

/// A name that no zone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownZone(String);

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a time zone like `Europe/Dublin` or `UTC`", self.0)
    }
}

impl std::error::Error for UnknownZone {}

/// A text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADay(String);

impl fmt::Display for NotADay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a day like `2026-11-20`", self.0)
    }
}

impl std::error::Error for NotADay {}

/// The zone of this IANA name, in any case.
///
/// # Errors
/// When the IANA database that is compiled in has no such zone.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    ZONES.get(name).map_err(|_| UnknownZone(name.chars().take(60).collect()))
}

/// A rotation's first day, `2026-11-20`.
///
/// # Errors
/// When the text is no such day.
pub fn day(text: &str) -> Result<Date, NotADay> {
    text.parse().map_err(|_| NotADay(text.chars().take(60).collect()))
}

/// Who is on call in the rotation at an instant, and why; `None` only where it has no members and no override.
/// Overrides of other rotations are ignored.
pub fn on_call(
    id: &RotationId,
    rotation: &Rotation,
    overrides: &[Override],
    at: Timestamp,
) -> Option<Responder> {
    Roster::new(id, rotation, overrides).on_call(at)
}

/// All shifts between two instants, cut at both; neighbours that differ in neither person nor reason are one.
/// At most [`SHIFTS_MAX`] hand-offs are looked at.
pub fn shifts(
    id: &RotationId,
    rotation: &Rotation,
    overrides: &[Override],
    from: Timestamp,
    until: Timestamp,
) -> Vec<Shift> {
    let stretches = Roster::new(id, rotation, overrides).stretches(from, until);
    let shift = |stretch: Stretch| {
        let Responder { person, because } = stretch.responder?;
        Some(Shift { person, from: stretch.from, until: stretch.until, because })
    };
    stretches.into_iter().filter_map(shift).collect()
}

/// The stretches between two instants in which the rotation has nobody on call who is `reachable`.
pub fn gaps(
    id: &RotationId,
    rotation: &Rotation,
    overrides: &[Override],
    reachable: impl Fn(&PersonId) -> bool,
    from: Timestamp,
    until: Timestamp,
) -> Vec<Gap> {
    let stretches = Roster::new(id, rotation, overrides).stretches(from, until);
    let gap = |stretch: Stretch| {
        let person = stretch.responder.map(|responder| responder.person);
        let open = !person.as_ref().is_some_and(&reachable);
        open.then_some(Gap { from: stretch.from, until: stretch.until, person })
    };
    stretches.into_iter().filter_map(gap).collect()
}

/// The stretches between two instants in which a step of a policy would have nobody to notify, overrides aside.
pub fn gaps_of_step(
    configuration: &Configuration,
    step: &EscalationStep,
    from: Timestamp,
    until: Timestamp,
) -> Vec<Gap> {
    let reachable =
        |person: &PersonId| configuration.people.get(person).is_some_and(|p| !p.contacts.is_empty());
    let whole = vec![Gap { from, until, person: None }];
    step.notify.iter().fold(whole, |open, target| match target {
        Target::User(person) if reachable(person) => Vec::new(),
        Target::Team(team) if configuration.teams.get(team).is_some_and(|all| all.iter().any(reachable)) => {
            Vec::new()
        }
        Target::Rotation(id) => match configuration.rotations.get(id) {
            Some(rotation) => intersect(&open, &gaps(id, rotation, &[], reachable, from, until)),
            None => open,
        },
        Target::User(_) | Target::Team(_) | Target::Webhook(_) => open,
    })
}

/// What two ascending lists of gaps share. The second list's person is the one that people are told of.
fn intersect(ours: &[Gap], theirs: &[Gap]) -> Vec<Gap> {
    let (mut shared, mut a, mut b) = (Vec::new(), 0, 0);
    while let (Some(one), Some(other)) = (ours.get(a), theirs.get(b)) {
        let (from, until) = (one.from.max(other.from), one.until.min(other.until));
        if from < until {
            shared.push(Gap { from, until, person: other.person.clone() });
        }
        if one.until < other.until { a += 1 } else { b += 1 }
    }
    shared
}

struct Stretch {
    responder: Option<Responder>,
    from: Timestamp,
    until: Timestamp,
}

/// A rotation with its overrides, its zone and its first day looked up.
struct Roster<'a> {
    id: &'a RotationId,
    members: &'a [PersonId],
    handoffs: Handoffs,
    overrides: Vec<&'a Override>,
}

impl<'a> Roster<'a> {
    fn new(id: &'a RotationId, rotation: &'a Rotation, overrides: &'a [Override]) -> Self {
        let overrides = overrides.iter().filter(|exception| exception.rotation == *id).collect();
        Self { id, members: &rotation.members, handoffs: Handoffs::of(rotation), overrides }
    }

    fn on_call(&self, at: Timestamp) -> Option<Responder> {
        let covering = self.overrides.iter().filter(|exception| exception.from <= at && at < exception.until);
        if let Some(exception) = covering.max_by_key(|exception| exception.id) {
            let because = Because::Override(exception.id);
            return Some(Responder { person: exception.person.clone(), because });
        }
        let count = i64::try_from(self.members.len()).ok().filter(|count| *count > 0)?;
        let turn = usize::try_from(self.handoffs.index_at(at).rem_euclid(count)).ok()?;
        let person = self.members.get(turn)?.clone();
        Some(Responder { person, because: Because::OnCall(self.id.clone()) })
    }

    /// The first instant after `at` at which a hand-off takes place or an override begins or ends.
    fn boundary_after(&self, at: Timestamp) -> Timestamp {
        let handoff = self.handoffs.instant(self.handoffs.index_at(at).saturating_add(1));
        let bounds = self.overrides.iter().flat_map(|exception| [exception.from, exception.until]);
        bounds.filter(|bound| *bound > at).fold(handoff, Timestamp::min)
    }

    fn stretches(&self, from: Timestamp, until: Timestamp) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let (mut at, mut looked_at) = (from, 0);
        while at < until && looked_at < SHIFTS_MAX {
            let responder = self.on_call(at);
            let end = self.boundary_after(at).min(until);
            match stretches.last_mut() {
                Some(last) if last.responder == responder => last.until = end,
                _ => stretches.push(Stretch { responder, from: at, until: end }),
            }
            at = end;
            looked_at += 1;
        }
        stretches
    }
}

/// The hand-offs of a rotation, numbered from its first day: number 0 is the first one on or after that day.
struct Handoffs {
    zone: TimeZone,
    first: Date,
    days_between: i64,
    at: Handoff,
}

impl Handoffs {
    fn of(rotation: &Rotation) -> Self {
        let start = rotation.start.as_deref().and_then(|text| day(text).ok());
        let start = start.unwrap_or(jiff::civil::date(1970, 1, 1));
        let at = rotation.handoff;
        let ahead = at.weekday.map_or(0, |weekday| {
            let weekday = i64::from(weekday.min(6));
            (weekday - i64::from(start.weekday().to_monday_zero_offset())).rem_euclid(7)
        });
        Self {
            zone: zone(&rotation.timezone).unwrap_or(TimeZone::UTC),
            first: plus_days(start, ahead).unwrap_or(start),
            days_between: if at.weekday.is_some() { 7 } else { 1 },
            at,
        }
    }

    /// The number of the last hand-off at or before an instant.
    fn index_at(&self, at: Timestamp) -> i64 {
        let jiff_at = at.to_jiff();
        // The clamped instant: past the years that jiff knows there are no hand-offs to find.
        let at = Timestamp::from(jiff_at);
        let today = self.zone.to_datetime(jiff_at).date();
        let days = days_between(self.first, today);
        let mut index = days.div_euclid(self.days_between);
        while self.instant(index) > at {
            index -= 1;
        }
        while self.instant(index + 1) <= at {
            index += 1;
        }
        index
    }

    /// When the hand-off of this number takes place; the end of time where jiff's calendar ends.
    fn instant(&self, index: i64) -> Timestamp {
        let end_of_time = Timestamp::from_millis(if index < 0 { i64::MIN } else { i64::MAX });
        let date = index.checked_mul(self.days_between).and_then(|days| plus_days(self.first, days));
        let (Ok(hour), Ok(minute)) =
            (i8::try_from(self.at.hour.min(23)), i8::try_from(self.at.minute.min(59)))
        else {
            return end_of_time;
        };
        date.and_then(|date| first_instant(&self.zone, date.at(hour, minute, 0, 0))).unwrap_or(end_of_time)
    }
}

fn plus_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(jiff::SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// The first instant at which the zone's wall clock reads this time or later.
fn first_instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    let AmbiguousOffset::Gap { before, after } = ambiguous.offset() else {
        return ambiguous.compatible().ok().map(Timestamp::from);
    };
    // The change lies between the two readings of a time that it skips.
    let (earliest, latest) = (after.to_timestamp(wall).ok()?, before.to_timestamp(wall).ok()?);
    let changes = zone.following(earliest).take_while(|change| change.timestamp() <= latest);
    let gap_end = changes.filter(|change| change.offset() == after).last();
    Some(gap_end.map_or(latest, |change| change.timestamp()).into())
}
