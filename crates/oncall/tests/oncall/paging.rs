//! What an engineer and their team can rely on while something burns.

use crate::play::{self, Play, refused, step, taken, team, user};
use facts::OncallFact as F;
use facts::configuration::{EscalationPolicy, Target};
use facts::oncall::{AbandonReason, Because, PageEnd, Purpose, StepReason, Via};
use kernel::{Actor, GroupId, IncidentId, PageId, Refuse, Span, Timestamp};
use oncall::{Audience, Command, NextMove, Outcome, Position, Refusal, Status, next_wake};

fn acknowledge(page: PageId) -> Command {
    Command::AcknowledgePage { page, via: Via::Link }
}

fn steps_of(play: &Play) -> Vec<(u32, u32, StepReason)> {
    let started = |fact: &F| match fact {
        F::StepStarted { round, step, reason, .. } => Some((*round, *step, reason.clone())),
        _ => None,
    };
    play.journal.iter().filter_map(|(_, fact)| started(fact)).collect()
}

fn exhausted(fact: &F) -> bool {
    matches!(fact, F::PageExhausted { .. })
}

#[test]
fn nobody_answers_within_the_wait_and_the_second_engineer_is_notified() {
    let mut play = Play::new(team());
    let page = play.open(None);
    assert_eq!(play.rung(), ["ana/email/0"]);
    let open = play.state.page(page).unwrap();
    assert_eq!(open.policy_id.as_str(), "web");
    assert_eq!(open.step.as_ref().unwrap().responders[0].because, Because::OnCall("first".into()));
    play.deliver();
    play.pass(Span::from_secs(170));
    let words = play.state.page(page).unwrap().next_in_words(play.now);
    assert_eq!(words, "goes to step 2 in 2:10: nobody acknowledged");
    play.pass(Span::from_secs(129));
    assert_eq!(play.rung(), Vec::<String>::new(), "a second early nobody else is woken");
    play.pass(Span::from_secs(1));
    assert_eq!(play.rung(), ["bo/email/0"]);
    assert_eq!(steps_of(&play).last(), Some(&(0, 1, StepReason::NobodyAcknowledged)));
}

#[test]
fn a_message_says_what_is_wrong_since_when_and_why_it_rings_here() {
    let mut play = Play::new(team());
    play.open(None);
    let sent = play.sent.remove(0);
    assert_eq!(sent.subject, "[critical] shop: HighErrorRate (page_1)");
    assert_eq!(sent.idempotency_key, "page_1/0/0/ana/email/0");
    assert_eq!(
        sent.body,
        "HighErrorRate\n\nService: shop\nSince: 2026-11-20T09:30:00Z\n\
         You are told because you are on call in first.\n\n7% of requests fail\n"
    );
}

#[test]
fn acknowledged_in_time_and_nobody_else_is_notified() {
    let mut play = Play::new(team());
    let page = play.open(None);
    play.rung();
    play.deliver();
    play.pass(Span::from_mins(4));
    play.person("ana", acknowledge(page)).unwrap();
    assert_eq!(next_wake(&play.state), None);
    play.pass(Span::from_days(2));
    assert_eq!(play.rung(), Vec::<String>::new());
    assert_eq!(play.state.page(page).unwrap().next_in_words(play.now), "acknowledged by ana");
    assert_eq!(play.person("bo", acknowledge(page)), Ok(vec![]), "a second click is harmless");
}

#[test]
fn an_acknowledgement_withdraws_what_is_not_handed_over_yet() {
    let mut play = Play::new(team());
    let page = play.open(None);
    let first = play.sent[0].notification;
    play.report(first, 1, refused(false));
    let facts = play.person("ana", acknowledge(page)).unwrap();
    let reason = AbandonReason::NoLongerNeeded;
    assert_eq!(facts[1..], [F::NotificationAbandoned { notification: first, reason }]);
    play.rung();
    play.pass(Span::from_hours(1));
    assert_eq!(play.rung(), Vec::<String>::new());
}

#[test]
fn a_message_that_was_on_its_way_when_the_page_was_over_is_still_recorded_as_handed_over() {
    let mut play = Play::new(team());
    let page = play.open(None);
    let first = play.sent[0].notification;
    play.person("ana", Command::ResolvePage { page, reason: PageEnd::ClosedByHand }).unwrap();
    assert_eq!(oncall::due_attempts(&play.state).count(), 0);
    assert!(matches!(play.report(first, 1, taken())[..], [F::NotificationHandedOver { .. }]));
    assert_eq!(play.report(first, 1, taken()), vec![]);
    assert_eq!(play.state.notification(first), None, "nothing of it stays in memory");
}

#[test]
fn an_empty_step_passes_on_at_once_and_says_so() {
    let mut config = team();
    let steps = vec![
        step(vec![Target::Rotation("unstaffed".into()), user("dee"), Target::Webhook("chat".into())], 5),
        step(vec![user("bo")], 5),
    ];
    config.escalation.insert("thin".into(), EscalationPolicy { steps, repeat: 0 });
    let mut play = Play::new(config);
    let page = play.open(Some("thin"));
    let skipped = &play.journal[1].1;
    let detail = "nobody is on call in rotation `unstaffed`; person `dee` has no contact".to_owned();
    assert_eq!(*skipped, F::StepSkipped { page, round: 0, step: 0, detail });
    assert_eq!(play.rung(), ["webhook/chat", "bo/email/0"], "the webhook hears of it and does not count");
    assert_eq!(steps_of(&play), [(0, 1, StepReason::NobodyOnCall)]);
    assert_eq!(play.journal.iter().map(|(at, _)| *at).max(), Some(play.now));
}

#[test]
fn with_nobody_in_any_step_everybody_is_notified() {
    let mut config = team();
    let steps = vec![step(vec![user("dee")], 5), step(vec![Target::Team("gone".into())], 5)];
    config.escalation.insert("empty".into(), EscalationPolicy { steps, repeat: 0 });
    let mut play = Play::new(config);
    play.open(Some("empty"));
    assert_eq!(play.said(|fact| matches!(fact, F::StepSkipped { .. })), 2);
    assert_eq!(play.rung(), ["ana/email/0", "bo/email/0", "chi/email/0"]);
    assert_eq!(steps_of(&play), [(0, 2, StepReason::NobodyOnCall)]);
    play.pass_delivering(Span::from_mins(6));
    assert_eq!(play.said(exhausted), 1);
}

#[test]
fn with_nobody_who_has_a_contact_the_page_stays_open_and_asks_again_until_somebody_has() {
    let mut play = Play::new(facts::Configuration::default());
    let page = play.open(None);
    assert!(matches!(play.journal.last(), Some((_, F::PageExhausted { .. }))));
    play.pass(Span::from_mins(31));
    assert_eq!(play.said(exhausted), 3);
    play.configure(team());
    play.pass(Span::from_mins(14));
    assert_eq!(play.rung(), ["ana/email/0", "bo/email/0", "chi/email/0"]);
    assert!(play.state.page(page).is_some());
}

#[test]
fn without_any_policy_everybody_is_notified_at_once() {
    let mut config = team();
    config.escalation.clear();
    let mut play = Play::new(config);
    let page = play.open(None);
    assert_eq!(play.rung(), ["ana/email/0", "bo/email/0", "chi/email/0"]);
    assert_eq!(play.state.page(page).unwrap().policy_id.as_str(), "everybody");
    assert_eq!(steps_of(&play), [(0, 0, StepReason::Opened)]);
}

#[test]
fn a_page_takes_the_named_policy_else_its_services_else_the_default() {
    let mut config = team();
    let policy = |name| EscalationPolicy { steps: vec![step(vec![user(name)], 5)], repeat: 0 };
    config.escalation.insert("default".into(), policy("chi"));
    config.escalation.insert("database".into(), policy("bo"));
    let mut play = Play::new(config.clone());
    play.open(Some("database"));
    play.open(None);
    config.services.clear();
    play.configure(config);
    play.open(None);
    assert_eq!(play.rung(), ["bo/email/0", "ana/email/0", "chi/email/0"]);
    let unknown = Command::OpenPage {
        group: None,
        service: None,
        policy: Some("nope".into()),
        title: "x".into(),
        body: String::new(),
    };
    let refusal = play.person("ana", unknown).unwrap_err();
    assert_eq!(refusal.sentence(), "the configuration has no escalation policy `nope`");
}

#[test]
fn the_policy_is_walked_as_often_as_it_says_and_after_a_pause_again_for_ever() {
    let mut play = Play::new(team());
    let page = play.open(None);
    play.pass_delivering(Span::from_mins(29));
    assert_eq!(play.rung().len(), 8, "ana, bo, ana and chi, twice");
    assert_eq!(play.said(exhausted), 0);
    let next = play.state.page(page).unwrap().next_move().map(|(_, next)| next);
    assert_eq!(next, Some(NextMove::Exhausted));
    play.pass_delivering(Span::from_mins(2));
    assert_eq!(play.said(exhausted), 1);
    let open = play.state.page(page).unwrap();
    let again = NextMove::StartsAgain(Position { round: 2, step: 0 });
    assert_eq!(open.next_move().map(|(_, next)| next), Some(again));
    let words = open.next_in_words(play.now);
    assert_eq!(words, "starts again with step 1 in 14:00: its policy ended and nobody acknowledged");
    assert_eq!(play.rung(), Vec::<String>::new());
    play.pass_delivering(Span::from_mins(14) + Span::from_secs(5));
    assert_eq!(play.sent[0].idempotency_key, "page_1/2/0/ana/email/0", "a later round is another message");
    assert_eq!(play.rung(), ["ana/email/0"]);
}

#[test]
fn the_provider_refuses_and_it_is_tried_again_under_the_same_key_and_ever_more_slowly() {
    let mut play = Play::new(team());
    play.open(None);
    let first = play.sent[0].clone();
    let mut waits = Vec::new();
    for attempt in 1..8 {
        let refused_at = play.now;
        play.report(first.notification, attempt, refused(false));
        let Some(Status::Waiting { retry_at }) =
            play.state.notification(first.notification).map(|n| n.status.clone())
        else {
            panic!("it waits for its next attempt")
        };
        waits.push((retry_at - refused_at).as_millis() / 1000);
        play.pass(retry_at - play.now);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60]);
    assert_eq!(play.sent.len(), 8);
    assert!(
        play.sent.iter().all(|sent| sent.idempotency_key == first.idempotency_key && sent.body == first.body)
    );
    let facts = play.report(first.notification, 8, refused(false));
    let given_up = F::NotificationAbandoned {
        notification: first.notification,
        reason: AbandonReason::AttemptsExhausted,
    };
    assert_eq!(facts[1], given_up);
    assert!(matches!(&facts[2], F::StepStarted { step: 1, reason: StepReason::NobodyReachable, .. }));
}

#[test]
fn the_providers_wish_for_the_next_attempt_is_honoured_up_to_a_minute() {
    for (asked_for, waited) in [(20, 20), (3600, 60), (-5, 1)] {
        let mut play = Play::new(team());
        play.open(None);
        let retry_at = Some(play.now + Span::from_secs(asked_for));
        let outcome = Outcome::Refused { detail: "slow down".into(), for_good: false, retry_at };
        let facts = play.report(play.sent[0].notification, 1, outcome);
        let expected = play.now + Span::from_secs(waited);
        assert!(matches!(facts[..], [F::NotificationRefused { retry_at: Some(at), .. }] if at == expected));
    }
}

#[test]
fn refused_for_good_and_the_next_step_begins_at_once() {
    let mut play = Play::new(team());
    play.open(None);
    let facts = play.report(play.sent[0].notification, 1, refused(true));
    assert!(matches!(facts[0], F::NotificationRefused { retry_at: None, .. }));
    assert!(matches!(facts[1], F::NotificationAbandoned { reason: AbandonReason::RefusedForGood, .. }));
    assert!(matches!(&facts[2], F::StepStarted { step: 1, reason: StepReason::NobodyReachable, .. }));
    assert_eq!(play.rung(), ["ana/email/0", "bo/email/0"]);
}

#[test]
fn while_one_responder_of_the_step_can_be_reached_the_page_waits_for_them() {
    let mut config = team();
    let steps = vec![step(vec![user("ana"), user("bo")], 5), step(vec![user("chi")], 5)];
    config.escalation.insert("two".into(), EscalationPolicy { steps, repeat: 0 });
    for bo_so_far in [None, Some(taken()), Some(refused(false))] {
        let mut play = Play::new(config.clone());
        play.open(Some("two"));
        let (ana, bo) = (play.sent[0].notification, play.sent[1].notification);
        bo_so_far.map(|outcome| play.report(bo, 1, outcome));
        assert_eq!(play.report(ana, 1, refused(true)).len(), 2, "bo may still answer");
        play.report(bo, 1, taken());
        play.rung();
        play.pass(Span::from_mins(4));
        assert_eq!(play.rung(), Vec::<String>::new());
    }
}

#[test]
fn where_nobody_of_the_whole_policy_could_be_reached_everybody_is_notified() {
    let mut config = team();
    let steps = vec![step(vec![user("ana")], 5)];
    config.escalation.insert("one".into(), EscalationPolicy { steps, repeat: 0 });
    let mut play = Play::new(config);
    play.open(Some("one"));
    play.report(play.sent[0].notification, 1, refused(true));
    assert_eq!(play.rung(), ["ana/email/0", "ana/email/0", "bo/email/0", "chi/email/0"]);
    assert_eq!(steps_of(&play)[1], (0, 1, StepReason::NobodyReachable));
}

#[test]
fn with_an_unknown_outcome_a_page_is_sent_again_under_the_same_key() {
    let mut play = Play::new(team());
    play.open(None);
    let first = play.sent[0].clone();
    play.report(first.notification, 1, Outcome::Unknown { detail: "connection lost".into() });
    play.pass(Span::from_secs(29));
    assert_eq!(play.sent.len(), 1);
    play.pass(Span::from_secs(1));
    assert_eq!(play.sent.len(), 2);
    assert_eq!((play.sent[1].attempt, &play.sent[1].idempotency_key), (2, &first.idempotency_key));
    assert_eq!(play.report(first.notification, 1, refused(true)), vec![], "a late refusal changes nothing");
    let late = play.report(first.notification, 1, taken());
    assert!(matches!(late[..], [F::NotificationHandedOver { .. }]), "a late receipt ends the attempts");
    play.pass(Span::from_mins(4));
    assert_eq!(play.sent.len(), 2);
}

#[test]
fn an_attempt_that_nobody_reports_on_is_sent_again_after_its_lease() {
    let mut play = Play::new(team());
    play.open(None);
    let first = play.sent[0].clone();
    play.pass(Span::from_secs(59));
    assert_eq!(play.sent.len(), 1);
    play.pass(Span::from_secs(1));
    assert_eq!(play.sent.len(), 2);
    assert_eq!(play.sent[1].idempotency_key, first.idempotency_key);
    let waited = Span::from_secs(60);
    assert_eq!(play.said(|fact| matches!(fact, F::AttemptLeaseExpired { waited: w, .. } if *w == waited)), 1);
}

#[test]
fn a_new_start_of_swan_sends_open_pages_once_more_under_the_same_key() {
    let mut play = Play::new(team());
    play.open(None);
    let high = Purpose::HighPriority { group: GroupId(4) };
    let tell = Command::Tell {
        audience: Audience::ListOfService(None),
        purpose: high,
        subject: "[high] Disk".into(),
        body: "full".into(),
    };
    play.swan(tell);
    let (page, list) = (play.sent[0].clone(), play.sent[1].clone());
    let resume = Command::Resume { head: facts::Seq(play.seq) };
    play.pass(Span::from_secs(40));
    play.swan(resume.clone());
    assert_eq!(play.swan(resume), vec![]);
    assert_eq!(play.sent.len(), 3);
    assert_eq!((play.sent[2].attempt, &play.sent[2].idempotency_key), (2, &page.idempotency_key));
    let (notification, reason) = (list.notification, AbandonReason::OutcomeUnknown);
    assert_eq!(play.said(|fact| *fact == F::NotificationAbandoned { notification, reason }), 1);
    play.pass(Span::from_secs(59));
    assert_eq!(play.sent.len(), 3, "the lease began anew");
}

#[test]
fn a_running_page_keeps_the_policy_it_began_with() {
    let mut play = Play::new(team());
    play.open(None);
    let mut config = team();
    let steps = vec![step(vec![user("ana")], 1)];
    config.escalation.insert("web".into(), EscalationPolicy { steps, repeat: 0 });
    config.rotations.insert("second".into(), play::rotation(&["chi"], "Mon 10:00", "UTC"));
    play.configure(config);
    play.rung();
    play.pass_delivering(Span::from_mins(5));
    assert_eq!(play.rung(), ["chi/email/0"], "whoever is on call now in the rotation that it named then");
    play.open(None);
    assert_eq!(play.rung(), ["ana/email/0"]);
    assert_eq!(steps_of(&play).last(), Some(&(0, 0, StepReason::Opened)));
}

#[test]
fn an_override_takes_over_and_ends() {
    let mut play = Play::new(team());
    let (from, until) = (play.now, play.now + Span::from_hours(2));
    let add = Command::AddOverride { rotation: "first".into(), person: "chi".into(), from, until };
    assert_eq!(play.person("chi", add.clone()).unwrap().len(), 1);
    assert_eq!(play.person("chi", add), Ok(vec![]), "asking twice is harmless");
    let duty = &play.state.who(play.now)[0];
    assert_eq!(duty.person, Some(("chi".into(), Because::Override(kernel::OverrideId(1)))));
    assert_eq!((duty.until, duty.next.clone()), (Some(until), Some("ana".into())));
    play.open(None);
    assert_eq!(play.rung(), ["chi/email/0"]);
    play.now = until;
    play.open(None);
    assert_eq!(play.rung(), ["ana/email/0"]);
    play.now = from + Span::from_hours(1);
    let remove = Command::RemoveOverride { id: kernel::OverrideId(1) };
    assert_eq!(play.person("ana", remove.clone()).unwrap().len(), 1);
    assert_eq!(play.person("ana", remove), Ok(vec![]));
    play.open(None);
    assert_eq!(play.rung(), ["ana/email/0"]);
}

#[test]
fn an_override_that_helps_nobody_is_refused() {
    let mut play = Play::new(team());
    let now = play.now;
    let mut add = |rotation: &str, person: &str, from: Timestamp, until: Timestamp| {
        let command = Command::AddOverride { rotation: rotation.into(), person: person.into(), from, until };
        play.person("ana", command).unwrap_err()
    };
    let hour = now + Span::from_hours(1);
    assert_eq!(add("nope", "bo", now, hour), Refusal::NoSuchRotation("nope".into()));
    assert_eq!(add("first", "eve", now, hour), Refusal::NoSuchPerson("eve".into()));
    assert_eq!(add("first", "dee", now, hour), Refusal::PersonHasNoContact("dee".into()));
    assert_eq!(add("first", "bo", hour, now), Refusal::OverrideIsEmpty);
    assert_eq!(add("first", "bo", now - Span::from_days(2), now), Refusal::OverrideIsEmpty);
    assert_eq!(add("first", "bo", now, now + Span::from_days(400)), Refusal::OverrideIsTooLong);
}

#[test]
fn after_a_long_outage_of_swan_an_overdue_step_goes_on_once() {
    let mut play = Play::new(team());
    play.open(None);
    play.deliver();
    play.rung();
    play.now += Span::from_hours(9);
    let wake = next_wake(&play.state).unwrap();
    play.swan(Command::Wake(wake.why));
    assert_eq!(play.rung(), ["bo/email/0"]);
    assert_eq!(
        next_wake(&play.state).unwrap().at,
        play.now + Span::from_secs(60),
        "the lease of the new attempt"
    );
    play.deliver();
    assert_eq!(next_wake(&play.state).unwrap().at, play.now + Span::from_mins(5));
}

#[test]
fn an_engineer_passes_the_page_on_even_after_taking_it() {
    let mut play = Play::new(team());
    let page = play.open(None);
    play.deliver();
    play.rung();
    play.person("ana", acknowledge(page)).unwrap();
    let escalate = Command::EscalatePage { page, reason: "I know nothing of databases".into() };
    play.person("ana", escalate.clone()).unwrap();
    assert_eq!(play.rung(), ["bo/email/0"]);
    assert_eq!(play.state.page(page).unwrap().acknowledged, None);
    assert_eq!(steps_of(&play).last(), Some(&(0, 1, StepReason::EscalatedByHand)));
    for _ in 0..5 {
        play.person("ana", escalate.clone()).unwrap();
    }
    assert_eq!(play.said(exhausted), 0, "by hand the policy starts again without a pause");
    assert_eq!(steps_of(&play).last(), Some(&(2, 0, StepReason::EscalatedByHand)));
}

#[test]
fn a_group_has_one_page_and_it_ends_with_the_group() {
    let mut play = Play::new(team());
    let group = GroupId(7);
    let open = Command::OpenPage {
        group: Some(group),
        service: Some("shop".into()),
        policy: None,
        title: "HighErrorRate".into(),
        body: String::new(),
    };
    assert!(!play.swan(open.clone()).is_empty());
    assert_eq!(play.swan(open.clone()), vec![]);
    let page = play.state.page_of_group(group).unwrap().id;
    let resolve = Command::ResolvePageOfGroup { group, reason: PageEnd::AlertsResolved };
    assert_eq!(play.swan(resolve.clone()).len(), 2);
    assert_eq!(play.swan(resolve), vec![]);
    assert_eq!(next_wake(&play.state), None, "nobody is paged for what is over");
    let refusal = play.person("ana", acknowledge(page)).unwrap_err();
    assert_eq!(refusal, Refusal::PageIsOver(page));
    assert_eq!(play.person("ana", Command::ResolvePage { page, reason: PageEnd::ClosedByHand }), Ok(vec![]));
    assert_eq!(play.state.closed_page(page).unwrap().reason, PageEnd::AlertsResolved);
    assert!(!play.swan(open).is_empty(), "what comes back pages again");
}

#[test]
fn only_people_and_tokens_answer_for_a_page_and_only_for_one_that_exists() {
    let mut play = Play::new(team());
    let page = play.open(None);
    assert_eq!(play.take(Actor::Swan, acknowledge(page)), Err(Refusal::NobodyAnswers));
    let unknown = play.person("ana", acknowledge(PageId(99))).unwrap_err();
    assert_eq!(unknown, Refusal::NoSuchPage(PageId(99)));
    assert!(unknown.hint().is_some());
    assert_eq!(play.take(Actor::Token("deploy".into()), acknowledge(page)).unwrap().len(), 2);
}

#[test]
fn mail_to_a_list_is_not_sent_twice_and_a_reminder_to_a_person_is() {
    let mut play = Play::new(team());
    let tell = |audience, purpose| Command::Tell {
        audience,
        purpose,
        subject: "subject".into(),
        body: "body".into(),
    };
    let list = tell(Audience::ListOfService(None), Purpose::HighPriority { group: GroupId(3) });
    assert_eq!(play.swan(list.clone()).len(), 1);
    assert_eq!(play.swan(list), vec![], "telling the same again is harmless");
    let due = play.now;
    let overdue = Purpose::UpdateOverdue { incident: IncidentId(2), due };
    play.swan(tell(Audience::Person("bo".into()), overdue.clone()));
    assert_eq!(play.rung(), ["list/default", "bo/email/0"]);
    play.pass(Span::from_secs(60));
    assert_eq!(play.rung(), ["bo/email/0"]);
    let reason = AbandonReason::OutcomeUnknown;
    assert_eq!(
        play.said(|fact| matches!(fact, F::NotificationAbandoned { reason: why, .. } if *why == reason)),
        1
    );
    play.deliver();
    assert_eq!(play.state.pending_notifications().count(), 0);
    let later = play.swan(tell(Audience::Person("bo".into()), overdue));
    assert!(matches!(&later[..], [F::NotificationIntended { idempotency_key, .. }]
        if idempotency_key == "inc_2/2026-11-20T09:30:00Z/2026-11-20T09:31:00Z/bo/email/0"));
    assert_eq!(
        play.swan(tell(Audience::Person("nobody".into()), Purpose::HighPriority { group: GroupId(9) })),
        vec![]
    );
}

#[test]
fn a_person_named_in_several_ways_is_notified_once_over_each_contact() {
    let mut config = team();
    config
        .people
        .get_mut(&kernel::PersonId::new("ana"))
        .unwrap()
        .contacts
        .push(play::contact("ana/webhook/0"));
    let everyone = vec![Target::Rotation("first".into()), user("ana"), Target::Team("web".into())];
    config.escalation.insert("all".into(), EscalationPolicy { steps: vec![step(everyone, 5)], repeat: 0 });
    let mut play = Play::new(config);
    play.open(Some("all"));
    assert_eq!(play.rung(), ["ana/email/0", "ana/webhook/0", "chi/email/0"]);
}

#[test]
fn a_page_that_nobody_takes_for_days_does_not_fill_the_memory() {
    let mut play = Play::new(team());
    let page = play.open(None);
    play.pass_delivering(Span::from_days(10));
    let open = play.state.page(page).unwrap();
    assert!(play.sent.len() > 2_000);
    assert!(play.state.notifications_of(open).count() <= oncall::limits::NOTIFICATIONS_KEPT_PER_PAGE_MAX);
    play.person("ana", Command::ResolvePage { page, reason: PageEnd::ClosedByHand }).unwrap();
    assert_eq!(play.state.open_pages().count(), 0);
}
