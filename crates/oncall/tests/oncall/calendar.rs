//! Exactly one person is on call at each instant, in every zone, and hand-offs happen when the clock on the wall says.
//!
//! The reference knows nothing of gaps and folds: it reads the wall clock minute by minute, and counts a hand-off as
//! soon as any reading so far has reached it.

use facts::configuration::{EscalationStep, Handoff, Rotation, Target};
use facts::oncall::Because;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use kernel::{OverrideId, PersonId, Rng, RotationId, Span, Timestamp};
use oncall::calendar::{self, Override, Shift};

use crate::play::{rotation, team};

const MINUTE: Span = Span::from_mins(1);

fn id() -> RotationId {
    "r".into()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn shifts(rotation: &Rotation, from: &str, until: &str) -> Vec<(String, String)> {
    let all = calendar::shifts(&id(), rotation, &[], at(from), at(until));
    all.into_iter().map(|shift| (shift.person.to_string(), shift.from.to_string())).collect()
}

fn who(rotation: &Rotation, when: Timestamp) -> PersonId {
    calendar::on_call(&id(), rotation, &[], when).expect("somebody is on call").person
}

#[test]
fn a_week_is_handed_over_on_its_day_in_its_zone() {
    let weekly = rotation(&["ana", "bo", "chi"], "Mon 10:00", "Europe/Dublin");
    let expected =
        [("chi", "2026-10-20T00:00:00Z"), ("ana", "2026-10-26T10:00:00Z"), ("bo", "2026-11-02T10:00:00Z")];
    let expected = expected.map(|(who, when)| (who.to_owned(), when.to_owned()));
    assert_eq!(shifts(&weekly, "2026-10-20T00:00:00Z", "2026-11-03T00:00:00Z"), expected);
    assert_eq!(
        shifts(&weekly, "2026-10-19T08:00:00Z", "2026-10-19T09:00:01Z").len(),
        2,
        "summer time: 09:00 UTC"
    );
}

#[test]
fn a_hand_off_in_a_gap_happens_where_the_gap_ends_and_one_in_a_fold_the_first_time() {
    let daily = rotation(&["ana", "bo"], "daily 02:30", "Europe/Berlin");
    let spring = shifts(&daily, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    assert_eq!(spring[1].1, "2026-03-29T01:00:00Z", "02:00 is 03:00");
    let autumn = shifts(&daily, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    assert_eq!(autumn.len(), 2, "02:30 comes twice, and they hand over once");
    assert_eq!(autumn[1].1, "2026-10-25T00:30:00Z");
}

#[test]
fn a_day_that_a_zone_left_out_still_has_its_turn() {
    // Samoa had no 30 December 2011: at the end of the 29th it crossed the date line.
    let daily = rotation(&["ana", "bo", "chi"], "daily 09:00", "Pacific/Apia");
    let found = shifts(&daily, "2011-12-29T20:00:00Z", "2012-01-01T00:00:00Z");
    let starts: Vec<&str> = found.iter().map(|(_, from)| from.as_str()).collect();
    let expected =
        ["2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z"];
    assert_eq!(starts, expected);
}

#[test]
fn the_first_member_begins_with_the_first_hand_off_on_or_after_the_start() {
    let mut weekly = rotation(&["ana", "bo", "chi"], "Wed 08:00", "UTC");
    weekly.start = Some("2026-11-20".to_owned());
    assert_eq!(who(&weekly, at("2026-11-25T08:00:00Z")).as_str(), "ana");
    assert_eq!(who(&weekly, at("2026-11-25T07:59:59Z")).as_str(), "chi");
    assert_eq!(who(&weekly, at("2026-12-02T08:00:00Z")).as_str(), "bo");
    let default = rotation(&["ana", "bo"], "Mon 00:00", "UTC");
    assert_eq!(who(&default, at("1970-01-05T00:00:00Z")).as_str(), "ana");
    let default = rotation(&["ana", "bo"], "daily 00:00", "UTC");
    assert_eq!(who(&default, at("1970-01-01T00:00:00Z")).as_str(), "ana");
}

#[test]
fn what_no_zone_or_day_is_called_is_told_and_the_calendar_still_answers() {
    let error = calendar::zone("Europe/Dubblin").unwrap_err().to_string();
    assert_eq!(error, "`Europe/Dubblin` is not a time zone like `Europe/Dublin` or `UTC`");
    assert!(calendar::day("2026-02-30").is_err());
    assert!(calendar::day("2026-02-28").is_ok());
    let mut odd = rotation(&["ana", "bo"], "daily 09:00", "Europe/Dubblin");
    odd.start = Some("yesterday".to_owned());
    let utc = rotation(&["ana", "bo"], "daily 09:00", "UTC");
    let (from, until) = ("2026-07-01T00:00:00Z", "2026-07-09T00:00:00Z");
    assert_eq!(shifts(&odd, from, until), shifts(&utc, from, until));
}

#[test]
fn the_later_entered_of_two_overrides_counts_and_those_of_other_rotations_do_not() {
    let weekly = rotation(&["ana"], "Mon 10:00", "UTC");
    let exception = |number, rotation: &str, person: &str, from, until| Override {
        id: OverrideId(number),
        rotation: rotation.into(),
        person: person.into(),
        from: Timestamp::from_secs(from),
        until: Timestamp::from_secs(until),
    };
    let overrides = [
        exception(2, "r", "chi", 200, 300),
        exception(1, "r", "bo", 100, 400),
        exception(3, "other", "dee", 0, 1000),
    ];
    let all =
        calendar::shifts(&id(), &weekly, &overrides, Timestamp::from_secs(0), Timestamp::from_secs(500));
    let seen: Vec<_> = all.iter().map(|s| (s.person.as_str(), s.from.as_millis() / 1000)).collect();
    assert_eq!(seen, [("ana", 0), ("bo", 100), ("chi", 200), ("bo", 300), ("ana", 400)]);
    assert_eq!(all[2].because, Because::Override(OverrideId(2)));
}

#[test]
fn a_rotation_without_reachable_members_shows_its_gaps() {
    let (from, until) = (at("2026-11-16T10:00:00Z"), at("2026-12-14T10:00:00Z"));
    let empty = rotation(&[], "Mon 10:00", "UTC");
    let gaps = calendar::gaps(&id(), &empty, &[], |_| true, from, until);
    assert_eq!(gaps.iter().map(|gap| (gap.from, gap.until)).collect::<Vec<_>>(), [(from, until)]);
    let half = rotation(&["ana", "dee"], "Mon 10:00", "UTC");
    let gaps = calendar::gaps(&id(), &half, &[], |person| person.as_str() != "dee", from, until);
    let lengths: Vec<Span> = gaps.iter().map(|gap| gap.until - gap.from).collect();
    assert_eq!(lengths, [Span::from_days(7), Span::from_days(7)], "every other week is dee's");
    assert!(gaps.iter().all(|gap| gap.person == Some("dee".into())));
}

#[test]
fn a_step_shows_when_it_would_be_empty() {
    let (from, until) = (at("2026-11-16T10:00:00Z"), at("2026-12-14T10:00:00Z"));
    let mut config = team();
    config.rotations.insert("half".into(), rotation(&["ana", "dee"], "Mon 10:00", "UTC"));
    config.rotations.insert("other".into(), rotation(&["dee", "ana"], "Mon 10:00", "UTC"));
    let gaps = |notify: Vec<Target>| {
        calendar::gaps_of_step(&config, &EscalationStep { notify, wait: MINUTE }, from, until).len()
    };
    let half = || Target::Rotation("half".into());
    assert_eq!(gaps(vec![half()]), 2, "dee has no contact");
    assert_eq!(gaps(vec![half(), Target::Rotation("other".into())]), 0, "one of them can always be reached");
    assert_eq!(gaps(vec![half(), Target::User("bo".into())]), 0);
    assert_eq!(gaps(vec![half(), Target::User("dee".into()), Target::Webhook("chat".into())]), 2);
    assert_eq!(gaps(vec![Target::Rotation("unstaffed".into()), Target::Rotation("nope".into())]), 1);
    assert_eq!(gaps(vec![]), 1);
}

#[test]
fn somebody_is_on_call_at_the_ends_of_time() {
    let weekly = rotation(&["ana", "bo"], "Mon 10:00", "Europe/Dublin");
    for ms in [i64::MIN, i64::MIN + 1, -377_705_116_800_000, 253_402_300_799_000, i64::MAX] {
        who(&weekly, Timestamp::from_millis(ms));
    }
    let far = Timestamp::from_millis(i64::MAX - 5);
    assert_eq!(calendar::shifts(&id(), &weekly, &[], far, Timestamp::from_millis(i64::MAX)).len(), 1);
}

/// Counts hand-offs by the readings of the wall clock so far.
struct Reference<'a> {
    zone: &'a TimeZone,
    rotation: &'a Rotation,
    first: Date,
    latest_reading: DateTime,
}

impl<'a> Reference<'a> {
    /// Starts three days early, so that any clock change nearby is part of what it has seen.
    fn new(zone: &'a TimeZone, rotation: &'a Rotation, from: Timestamp) -> Self {
        let start: Date = rotation.start.as_deref().unwrap_or("1970-01-01").parse().unwrap();
        let handoff = rotation.handoff;
        let is_day = |day: &Date| {
            handoff.weekday.is_none_or(|weekday| day.weekday().to_monday_zero_offset() == weekday as i8)
        };
        let first = start.series(jiff::Span::new().days(1)).find(is_day).unwrap();
        let mut reference = Self { zone, rotation, first, latest_reading: DateTime::MIN };
        let mut minute = from - Span::from_days(3);
        while minute < from {
            reference.read(minute);
            minute += MINUTE;
        }
        reference
    }

    fn read(&mut self, minute: Timestamp) {
        self.latest_reading = self.latest_reading.max(self.zone.to_datetime(minute.to_jiff()));
    }

    /// Who is on call at a minute; minutes are asked for in order.
    fn who(&mut self, minute: Timestamp) -> &'a PersonId {
        self.read(minute);
        let Handoff { weekday, hour, minute } = self.rotation.handoff;
        let time = jiff::civil::time(hour as i8, minute as i8, 0, 0);
        let period = if weekday.is_some() { 7 } else { 1 };
        let days = (self.latest_reading.date() - self.first).get_days();
        let mut handoffs = days.div_euclid(period);
        if days.rem_euclid(period) == 0 && self.latest_reading.time() < time {
            handoffs -= 1;
        }
        let members = &self.rotation.members;
        &members[handoffs.rem_euclid(members.len() as i32) as usize]
    }
}

fn clock_changes(zone: &TimeZone) -> Vec<Timestamp> {
    let (from, until) = (at("2020-01-01T00:00:00Z"), at("2041-01-01T00:00:00Z"));
    let following = zone.following(from.to_jiff()).map(|change| Timestamp::from(change.timestamp()));
    following.take_while(|change| *change < until).collect()
}

fn random_rotation(rng: &mut Rng, zone: &str, hour: Option<u64>) -> Rotation {
    let weekday = rng.chance(400).then(|| rng.below(7) as u8);
    let hour = hour.unwrap_or_else(|| rng.below(24)) as u8;
    let start = rng
        .chance(500)
        .then(|| format!("{}-{:02}-{:02}", 2015 + rng.below(25), 1 + rng.below(12), 1 + rng.below(28)));
    Rotation {
        members: (0..1 + rng.below(6)).map(|number| PersonId::new(format!("p{number}"))).collect(),
        handoff: Handoff { weekday, hour, minute: *rng.pick(&[0, 1, 15, 30, 45, 59]).unwrap() },
        timezone: zone.to_owned(),
        start,
    }
}

/// Walks minute by minute beside the reference; the shifts of the same stretch say the same.
fn check_minutes(zone: &TimeZone, rotation: &Rotation, from: Timestamp, minutes: i64) {
    let until = from + MINUTE.times(minutes);
    let all = calendar::shifts(&id(), rotation, &[], from, until);
    tile(&all, from, until);
    let mut reference = Reference::new(zone, rotation, from);
    let (mut minute, mut shift) = (from, 0);
    while minute < until {
        let expected = reference.who(minute);
        assert_eq!(who(rotation, minute), *expected, "{rotation:?} at {minute}");
        while all[shift].until <= minute {
            shift += 1;
        }
        assert_eq!(all[shift].person, *expected, "the shifts of {rotation:?} at {minute}");
        minute += MINUTE;
    }
}

fn tile(shifts: &[Shift], from: Timestamp, until: Timestamp) {
    assert_eq!((shifts[0].from, shifts[shifts.len() - 1].until), (from, until));
    assert!(shifts.iter().all(|shift| shift.from < shift.until));
    for pair in shifts.windows(2) {
        assert_eq!(pair[0].until, pair[1].from);
        assert_ne!(pair[0].person, pair[1].person, "a shift ends because somebody takes over");
    }
}

#[test]
fn exactly_one_person_is_on_call_at_each_minute_around_every_clock_change_of_every_zone() {
    let zones = TimeZoneDatabase::bundled();
    let mut rng = Rng::new(12);
    let mut seen = std::collections::BTreeSet::new();
    let mut changes_checked = 0;
    for name in zones.available() {
        let zone = zones.get(name.as_str()).unwrap();
        let changes = clock_changes(&zone);
        // Zones that changed their clocks at the same instants to the same offsets are one zone here.
        let offsets: Vec<_> =
            changes.iter().map(|change| (*change, zone.to_offset(change.to_jiff()).seconds())).collect();
        if changes.is_empty() || !seen.insert(offsets) {
            continue;
        }
        for change in changes {
            let local_hour = zone.to_datetime((change - MINUTE).to_jiff()).hour() as u64;
            let near = (local_hour + rng.below(4)) % 24;
            let mut rotation = random_rotation(&mut rng, name.as_str(), Some(near));
            rotation.handoff.weekday = rotation
                .handoff
                .weekday
                .map(|_| zone.to_datetime(change.to_jiff()).weekday().to_monday_zero_offset() as u8);
            check_minutes(&zone, &rotation, change - Span::from_hours(3), 6 * 60);
            changes_checked += 1;
        }
    }
    assert!(seen.len() > 40 && changes_checked > 1_400, "{} zones, {changes_checked} changes", seen.len());
}

#[test]
fn ten_thousand_random_rotations_have_one_person_on_call_and_hand_over_on_time() {
    let zones = TimeZoneDatabase::bundled();
    let names: Vec<String> = zones.available().map(|name| name.as_str().to_owned()).collect();
    let mut rng = Rng::new(2040);
    let (first, days) = (at("2020-01-01T00:00:00Z"), 21 * 365);
    for _ in 0..10_000 {
        let name = rng.pick(&names).unwrap();
        let zone = zones.get(name).unwrap();
        let rotation = random_rotation(&mut rng, name, None);
        let from = first + Span::from_days(rng.below(days) as i64) + MINUTE.times(rng.below(1440) as i64);
        let until = from + Span::from_days(1 + rng.below(60) as i64);
        let all = calendar::shifts(&id(), &rotation, &[], from, until);
        if rotation.members.len() > 1 {
            tile(&all, from, until);
        }
        for shift in &all {
            assert_eq!(who(&rotation, shift.from), shift.person);
            assert_eq!(who(&rotation, shift.until - Span::from_millis(1)), shift.person);
        }
        for handoff in all.iter().skip(1).map(|shift| shift.from) {
            let wall = zone.to_datetime(handoff.to_jiff());
            let told = (wall.hour() as u8, wall.minute() as u8);
            let before = zone.to_datetime((handoff - Span::from_millis(1)).to_jiff());
            let due = wall.date().at(rotation.handoff.hour as i8, rotation.handoff.minute as i8, 0, 0);
            let in_gap = before < due && due < wall;
            assert!(
                told == (rotation.handoff.hour, rotation.handoff.minute) || in_gap,
                "{rotation:?}: {wall}"
            );
            let weekday = wall.weekday().to_monday_zero_offset() as u8;
            assert!(rotation.handoff.weekday.is_none_or(|day| day == weekday), "{rotation:?}: {wall}");
        }
    }
}
