//! The ledger in the words of those who read it.

use crate::play::{DOWN, FEW, Play, UP, minute, objective, shop};
use facts::configuration::Window;
use facts::objectives::{ObjectivesFact, RejudgeReason, Run, Tally, Verdict};
use kernel::{Actor, IncidentId, OutageId, Ratio, Refuse, Span};
use objectives::{
    Command, Refusal, availability, budget, causes, days, impact, ledger, outage, unattributed,
};

fn attribute(play: &mut Play, id: u64, cause: &str) -> Result<Vec<ObjectivesFact>, Refusal> {
    let command = Command::AttributeOutage {
        outage: OutageId(id),
        cause: cause.into(),
        note: String::new(),
        incident: Some(IncidentId(7)),
    };
    play.submit(&Actor::Person("ada".into()), command)
}

#[test]
fn a_run_of_bad_minutes_is_one_outage_with_a_row_for_each() {
    let mut play = Play::new();
    let facts = play.judge(0, &[UP, DOWN, DOWN, UP, FEW]);
    let runs = vec![
        Run { verdict: Verdict::Up, slices: 1 },
        Run { verdict: Verdict::Down, slices: 2 },
        Run { verdict: Verdict::Up, slices: 1 },
        Run { verdict: Verdict::Unknown, slices: 1 },
    ];
    let (service, objective, outage) = (shop(), kernel::ObjectiveId::from("requests"), OutageId(1));
    let down = |n| ObjectivesFact::SliceDown {
        service: shop(),
        objective: "requests".into(),
        start: minute(n),
        tally: DOWN.unwrap(),
        outage,
    };
    assert_eq!(
        facts[..5],
        [
            ObjectivesFact::SlicesJudged {
                service: service.clone(),
                objective: objective.clone(),
                slice: Span::from_mins(1),
                from: minute(0),
                runs
            },
            ObjectivesFact::OutageOpened { outage, service, objective, start: minute(1) },
            down(1),
            down(2),
            ObjectivesFact::OutageEnded { outage, end: minute(3), slices: 2 },
        ]
    );
    assert_eq!(play.outages(), [(1, 2, false)]);
    let rows = ledger(&play.state, &shop(), minute(0), minute(60));
    assert_eq!(rows.iter().map(|row| row.start).collect::<Vec<_>>(), [minute(1), minute(2)]);
    assert_eq!((rows[0].tally, rows[0].outage, rows[0].is_final), (DOWN, Some(outage), false));
    play.assert_state_is_replay();
}

#[test]
fn an_outage_goes_on_from_one_command_to_the_next() {
    let mut play = Play::new();
    play.judge(0, &[DOWN]);
    assert_eq!(play.outages(), [(0, 1, true)]);
    play.judge(1, &[DOWN, DOWN]);
    assert_eq!(play.outages(), [(0, 3, true)]);
    let facts = play.judge(3, &[None]);
    let ended = ObjectivesFact::OutageEnded { outage: OutageId(1), end: minute(3), slices: 3 };
    assert!(facts.contains(&ended), "{facts:?}");
}

#[test]
fn a_minute_that_nobody_measured_is_unknown_and_ends_an_outage() {
    let mut play = Play::new();
    play.judge(0, &[UP, DOWN]);
    let facts = play.judge(5, &[DOWN]);
    assert!(matches!(
        &facts[0],
        ObjectivesFact::SlicesJudged { from, runs, .. }
            if *from == minute(2) && *runs == [Run { verdict: Verdict::Unknown, slices: 3 }]
    ));
    assert_eq!(play.outages(), [(1, 1, false), (5, 1, true)]);
    let seen = availability(&play.state, &shop(), minute(0), minute(10));
    assert_eq!((seen.up, seen.down), (Span::from_mins(1), Span::from_mins(2)));
    assert_eq!(seen.unknown, Span::from_mins(7), "three of them were judged unknown, four were never judged");
    assert_eq!(seen.slices.unknown, 3);
    assert_eq!(seen.ratio, Some(Ratio { ppm: 333_333 }));
}

#[test]
fn a_slice_is_judged_once_and_only_when_it_is_over() {
    let mut play = Play::new();
    play.judge(0, &[UP, UP, UP]);
    let facts = play.judge(1, &[DOWN, DOWN, UP]);
    assert!(matches!(&facts[..], [ObjectivesFact::SlicesJudged { from, .. }] if *from == minute(3)));
    assert_eq!(availability(&play.state, &shop(), minute(0), minute(4)).down, Span::ZERO);

    let command = |from, slices| Command::JudgeSlices {
        service: shop(),
        objective: "requests".into(),
        from,
        tallies: vec![UP; slices],
    };
    let swan = Actor::Swan;
    let refused = play.submit(&swan, command(minute(4), 1)).unwrap_err();
    assert_eq!(refused, Refusal::SliceNotOver(minute(5)));
    let refused = play.submit(&swan, command(minute(1) + Span::from_secs(7), 1)).unwrap_err();
    assert_eq!(refused.hint().unwrap(), "the slice that contains it starts at 2026-11-20T00:01:00Z");
    assert_eq!(play.submit(&swan, command(minute(0), 1_441)).unwrap_err().code(), "too_many_slices");
}

#[test]
fn late_events_turn_minutes_around_until_they_are_final() {
    let mut play = Play::new();
    play.judge(0, &[UP, UP, DOWN, None, UP]);
    let facts = play.finalise(0, &[UP, DOWN, UP, UP]);
    let rejudged: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            ObjectivesFact::SliceRejudged { start, was, is, reason, .. } => {
                assert_eq!(*reason, RejudgeReason::LateEvents);
                Some(((*start - minute(0)).as_millis() / 60_000, *was, *is))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        rejudged,
        [
            (1, Verdict::Up, Verdict::Down),
            (2, Verdict::Down, Verdict::Up),
            (3, Verdict::Unknown, Verdict::Up)
        ]
    );
    assert!(
        matches!(facts.last(), Some(ObjectivesFact::SlicesFinal { through, .. }) if *through == minute(4))
    );
    assert_eq!(play.outages(), [(1, 1, false)]);
    let rows = ledger(&play.state, &shop(), minute(0), minute(60));
    assert_eq!((rows.len(), rows[0].start, rows[0].is_final), (1, minute(1), true));
    play.assert_state_is_replay();
}

#[test]
fn late_events_change_what_a_down_minute_cost() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, UP]);
    play.finalise(0, &[Some(Tally { good: 80, bad: 45 })]);
    let cost = impact(&play.state, &shop(), minute(0), minute(2));
    assert_eq!((cost.down, cost.requests, cost.failed), (Span::from_mins(1), 125, 45));
}

#[test]
fn what_was_measured_does_not_become_unknown_because_its_source_forgot_it() {
    let mut play = Play::new();
    play.judge(0, &[UP, DOWN]);
    let facts = play.finalise(0, &[None, FEW]);
    assert_eq!(facts.len(), 1, "{facts:?}");
    assert_eq!(availability(&play.state, &shop(), minute(0), minute(2)).unknown, Span::ZERO);
}

#[test]
fn a_person_has_the_last_word_on_a_minute() {
    let mut play = Play::new();
    play.judge(0, &[UP, DOWN, UP]);
    play.correct(1, Verdict::Up).unwrap();
    assert_eq!(play.outages(), []);
    let facts = play.finalise(0, &[UP, DOWN, UP]);
    assert_eq!(facts.len(), 1, "late events do not undo a correction: {facts:?}");
    let rows = ledger(&play.state, &shop(), minute(0), minute(3));
    let row = &rows[0];
    assert_eq!((rows.len(), row.verdict, row.outage, row.tally), (1, Verdict::Up, None, DOWN));
    assert_eq!(row.rejudged[0].by, Actor::Person("ada".into()));
    let told = outage(&play.state, OutageId(1)).unwrap();
    assert_eq!((told.outage.slices, told.is_open), (0, false));

    play.correct(1, Verdict::Down).unwrap();
    assert_eq!(play.outages(), [(1, 1, false)]);
    let row = &ledger(&play.state, &shop(), minute(0), minute(3))[0];
    assert_eq!((row.tally, row.rejudged.len()), (DOWN, 2), "the reading is remembered");
}

#[test]
fn a_correction_has_an_author_a_reason_and_a_judged_minute() {
    let mut play = Play::new();
    play.judge(0, &[UP]);
    let command = |start, reason: &str| Command::CorrectSlice {
        service: shop(),
        objective: None,
        start,
        verdict: Verdict::Down,
        reason: reason.into(),
    };
    let ada = Actor::Person("ada".into());
    let mut code = |actor: &Actor, command| play.submit(actor, command).unwrap_err();
    assert_eq!(code(&Actor::Swan, command(minute(0), "x")).code(), "corrected_by_swan");
    assert_eq!(code(&ada, command(minute(0), "  ")), Refusal::ReasonMissing);
    assert_eq!(code(&ada, command(minute(0), &"x".repeat(3_000))), Refusal::ReasonTooLong);
    assert_eq!(code(&ada, command(minute(1), "x")), Refusal::SliceNotJudged(minute(1), None));
    let inside = minute(0) + Span::from_secs(30);
    assert_eq!(code(&ada, command(inside, "x")), Refusal::SliceNotJudged(inside, Some(minute(0))));
    assert!(play.submit(&Actor::Token("ci".into()), command(minute(0), "x")).is_ok());
}

#[test]
fn a_minute_that_turns_down_between_two_outages_makes_them_one() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN, UP, DOWN, UP]);
    attribute(&mut play, 2, "database").unwrap();
    let facts = play.finalise(0, &[DOWN, DOWN, DOWN, DOWN, UP]);
    assert!(facts.contains(&ObjectivesFact::OutageMerged { outage: OutageId(2), into: OutageId(1) }));
    assert!(facts.contains(&ObjectivesFact::OutageEnded { outage: OutageId(1), end: minute(4), slices: 4 }));
    assert_eq!(play.outages(), [(0, 4, false)]);
    let rows = ledger(&play.state, &shop(), minute(0), minute(9));
    assert!(rows.iter().all(|row| row.outage == Some(OutageId(1))));
    assert!(rows.iter().all(|row| row.cause.as_deref() == Some("database")), "the cause is not lost");
    let refused = attribute(&mut play, 2, "network").unwrap_err();
    assert_eq!(refused.hint().as_deref(), Some("attribute `out_1`"));
    play.assert_state_is_replay();
}

#[test]
fn a_minute_that_was_not_down_splits_its_outage_and_both_keep_the_cause() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN, DOWN, DOWN]);
    attribute(&mut play, 1, "database").unwrap();
    play.correct(1, Verdict::Unknown).unwrap();
    assert_eq!(play.outages(), [(0, 1, false), (2, 2, true)]);
    let rest = outage(&play.state, OutageId(2)).unwrap();
    assert_eq!(rest.outage.attribution.unwrap().cause, "database");
    play.judge(4, &[DOWN, UP]);
    assert_eq!(play.outages(), [(0, 1, false), (2, 3, false)]);
    play.assert_state_is_replay();
}

#[test]
fn an_outage_whose_last_minute_is_taken_away_is_over_and_one_that_gets_the_last_minute_goes_on() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN]);
    play.correct(1, Verdict::Up).unwrap();
    assert_eq!(play.outages(), [(0, 1, false)]);
    let facts = play.correct(1, Verdict::Down).unwrap();
    assert!(!facts.iter().any(|fact| matches!(fact, ObjectivesFact::OutageEnded { .. })), "{facts:?}");
    assert_eq!(play.outages(), [(0, 2, true)]);
    play.judge(2, &[DOWN]);
    assert_eq!(play.outages(), [(0, 3, true)]);
}

#[test]
fn unattributed_minutes_are_debt_and_causes_sum_up() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN, UP, DOWN, UP, DOWN, UP]);
    assert_eq!(attribute(&mut play, 1, " ").unwrap_err(), Refusal::CauseMissing);
    assert_eq!(attribute(&mut play, 9, "x").unwrap_err(), Refusal::NoSuchOutage(OutageId(9)));
    attribute(&mut play, 1, "database").unwrap();
    attribute(&mut play, 2, "deploy").unwrap();
    attribute(&mut play, 2, "database").unwrap();
    let debt = unattributed(&play.state, &shop(), minute(0), minute(60));
    assert_eq!((debt.down, debt.slices, debt.outages), (Span::from_mins(1), 1, vec![OutageId(3)]));
    let shares = causes(&play.state, &shop(), minute(0), minute(60));
    let shares: Vec<_> =
        shares.iter().map(|share| (share.cause.as_deref(), share.slices, share.outages)).collect();
    assert_eq!(shares, [(Some("database"), 3, 2), (None, 1, 1)]);
}

#[test]
fn half_nine_tenths_and_all_of_a_budget_are_told_once_a_month() {
    // November has 30 days: 99.9 % of them allow 43.2 minutes.
    let mut play = Play::new();
    let mut told = Vec::new();
    for n in 0..60 {
        for fact in play.judge(n, &[DOWN]) {
            if let ObjectivesFact::BudgetSpent { percent, spent, budget, window_start, .. } = fact {
                assert_eq!(window_start.to_string(), "2026-11-01T00:00:00Z");
                assert_eq!(budget, Span::from_millis(2_592_000));
                told.push((percent, spent.as_millis() / 60_000));
            }
        }
    }
    assert_eq!(told, [(50, 22), (90, 39), (100, 44)]);
    let left = budget(&play.state, &shop(), &"requests".into(), play.now).unwrap();
    assert_eq!((left.spent, left.left.as_millis()), (Span::from_mins(60), 2_592_000 - 3_600_000));

    let december = 11 * 1440;
    let facts = play.judge(december, &[DOWN; 30]);
    let of_december =
        facts.iter().filter(|fact| matches!(fact, ObjectivesFact::BudgetSpent { percent: 50, .. }));
    assert_eq!(of_december.count(), 1);
}

#[test]
fn a_budget_that_is_passed_at_once_is_told_at_its_highest_threshold() {
    let mut play = Play::new();
    let facts = play.judge(0, &[DOWN; 50]);
    let told: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            ObjectivesFact::BudgetSpent { percent, .. } => Some(*percent),
            _ => None,
        })
        .collect();
    assert_eq!(told, [100]);
}

#[test]
fn a_rolling_window_is_told_of_again_only_when_it_is_another_one() {
    let mut play = Play::new();
    let hour = Span::from_mins(60);
    let mut rolling = objective("requests", Window::Rolling(hour));
    rolling.target = Ratio::percent(90);
    play.configure(vec![rolling]);
    let mut told = Vec::new();
    for n in 0..200 {
        let tally = if n % 60 < 20 { DOWN } else { UP };
        for fact in play.judge(n, &[tally]) {
            if let ObjectivesFact::BudgetSpent { percent, .. } = fact {
                told.push((n, percent));
            }
        }
    }
    // Six minutes are allowed in any hour. Half of them is passed with the fourth; there are always twenty in the last hour.
    assert_eq!(told, [(3, 50), (5, 90), (6, 100), (66, 100), (126, 100), (186, 100)]);
}

#[test]
fn days_without_data_show_as_unknown() {
    let mut play = Play::new();
    play.judge(1439, &[DOWN, DOWN]);
    let seen = days(&play.state, &shop(), minute(-1440), minute(2 * 1440 + 30));
    let minutes: Vec<_> = seen
        .iter()
        .map(|day| [day.up, day.down, day.unknown].map(|span| span.as_millis() / 60_000))
        .collect();
    assert_eq!(minutes, [[0, 0, 1440], [0, 1, 1439], [0, 1, 1439], [0, 0, 30]]);
    assert_eq!(seen[0].ratio(), None);
    assert_eq!(seen[1].ratio(), Some(Ratio { ppm: 0 }));
}

#[test]
fn the_past_stays_with_the_objective_that_judged_it() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, UP]);
    play.configure(vec![
        objective("latency", Window::CalendarMonth),
        objective("requests", Window::CalendarMonth),
    ]);
    play.judge(2, &[DOWN, DOWN]);
    let backfill = Command::JudgeSlices {
        service: shop(),
        objective: "latency".into(),
        from: minute(0),
        tallies: vec![DOWN, DOWN],
    };
    play.submit(&Actor::Swan, backfill).unwrap();
    let seen = availability(&play.state, &shop(), minute(0), minute(4));
    assert_eq!((seen.down, seen.unknown), (Span::from_mins(1), Span::from_mins(2)));
    assert_eq!(play.state.ledger_objective(&shop(), minute(1)), Some(&"requests".into()));
    assert_eq!(play.state.ledger_objective(&shop(), minute(3)), Some(&"latency".into()));
    assert_eq!(play.outages(), [(0, 1, false)]);
}

#[test]
fn an_outage_survives_a_change_of_the_slices_length() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN, DOWN, DOWN, DOWN]);
    let mut longer = objective("requests", Window::CalendarMonth);
    longer.sli.slice = Span::from_mins(5);
    play.configure(vec![longer]);
    play.now = minute(60);
    let command = Command::JudgeSlices {
        service: shop(),
        objective: "requests".into(),
        from: minute(5),
        tallies: vec![DOWN, UP],
    };
    let facts = play.submit(&Actor::Swan, command).unwrap();
    assert!(facts.contains(&ObjectivesFact::OutageEnded { outage: OutageId(1), end: minute(10), slices: 6 }));
    let command = Command::FinaliseSlices {
        service: shop(),
        objective: "requests".into(),
        from: minute(0),
        tallies: vec![UP, UP],
    };
    play.submit(&Actor::Swan, command).unwrap();
    let rows = ledger(&play.state, &shop(), minute(0), minute(60));
    assert_eq!(rows.len(), 5, "minutes keep their verdicts: readings of another length do not compare");
    assert!(rows.iter().all(|row| row.is_final));
    play.assert_state_is_replay();
}

#[test]
fn an_incident_costs_what_its_down_minutes_cost() {
    let mut play = Play::new();
    play.judge(0, &[DOWN, DOWN, DOWN, UP, None]);
    let cost = impact(&play.state, &shop(), minute(1) + Span::from_secs(30), minute(6));
    assert_eq!((cost.down, cost.unknown), (Span::from_secs(90), Span::from_mins(2)));
    assert_eq!((cost.requests, cost.failed), (200, 80));
    let nobody = impact(&play.state, &"blog".into(), minute(0), minute(5));
    assert_eq!((nobody.down, nobody.unknown), (Span::ZERO, Span::from_mins(5)));
}

#[test]
fn what_is_not_configured_is_refused_by_name() {
    let mut play = Play::new();
    let judge = |service: &str, objective: &str| Command::JudgeSlices {
        service: service.into(),
        objective: objective.into(),
        from: minute(0),
        tallies: vec![],
    };
    let refused = play.submit(&Actor::Swan, judge("blog", "requests")).unwrap_err();
    assert_eq!(refused.sentence(), "the configuration has no service `blog` with objectives");
    let refused = play.submit(&Actor::Swan, judge("shop", "latency")).unwrap_err();
    assert_eq!(refused.sentence(), "the service `shop` has no objective `latency`");
}

#[test]
fn events_that_come_a_little_late_change_a_verdict_that_is_not_final_yet() {
    let mut play = Play::new();
    play.judge(0, &[UP, UP]);
    let rejudge = |from, tallies| Command::RejudgeSlices {
        service: shop(),
        objective: "requests".into(),
        from: minute(from),
        tallies,
    };
    let facts = play.submit(&Actor::Swan, rejudge(0, vec![DOWN, UP])).unwrap();
    assert!(facts.iter().any(|fact| matches!(fact, ObjectivesFact::SliceRejudged { .. })), "{facts:?}");
    let rows = ledger(&play.state, &shop(), minute(0), minute(2));
    assert_eq!(rows.iter().map(|row| (row.start, row.is_final)).collect::<Vec<_>>(), [(minute(0), false)]);
    play.finalise(0, &[DOWN, UP]);
    assert_eq!(play.submit(&Actor::Swan, rejudge(0, vec![UP, UP])).unwrap(), vec![], "final is final");
    play.assert_state_is_replay();
}
