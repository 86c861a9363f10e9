//! What people can rely on when they review an incident.

use facts::learning::{ActionPriority, Impact, Section};
use facts::{Configuration, ConfigurationApplied, Entry, Fact, LearningFact, Seq};
use kernel::{ActionId, Actor, IncidentId, PostMortemId, Span, Timestamp, WhyId};
use learning::{Command, Refusal, State, apply, decide, markdown, next_wake};

const REVIEW: PostMortemId = PostMortemId(1);

struct Play {
    state: State,
    now: Timestamp,
}

impl Play {
    fn new() -> Self {
        let mut configuration = Configuration::default();
        configuration.people.insert("ana".into(), facts::configuration::Person::default());
        let applied = ConfigurationApplied { hash: "h".into(), source: "test".into(), configuration };
        let mut play = Self { state: State::default(), now: Timestamp::from_secs(1_800_000_000) };
        play.record(Fact::ConfigurationApplied(Box::new(applied)));
        let impact = Impact {
            from: play.now - Span::from_mins(20),
            until: play.now,
            down: Span::from_mins(6),
            unknown: Span::ZERO,
            requests: 600,
            failed: 480,
        };
        let draft = Command::DraftPostMortem {
            incident: IncidentId(4),
            service: "shop".into(),
            title: "Checkout fails".into(),
            impact,
        };
        play.ask(draft).expect("the first draft");
        play
    }

    fn record(&mut self, fact: Fact) {
        apply(&mut self.state, &Entry { seq: Seq(1), at: self.now, actor: Actor::Swan, fact });
    }

    fn ask(&mut self, command: Command) -> Result<Vec<LearningFact>, Refusal> {
        let facts = decide(&self.state, self.now, &Actor::Person("ana".into()), command)?;
        for fact in facts.clone() {
            self.record(fact.into());
        }
        Ok(facts)
    }

    fn why(&mut self, parent: Option<u64>, text: &str) -> Result<Vec<LearningFact>, Refusal> {
        self.ask(Command::AddWhy { post_mortem: REVIEW, parent: parent.map(WhyId), text: text.into() })
    }

    fn action(&mut self, why: u64) -> Result<Vec<LearningFact>, Refusal> {
        self.ask(Command::AddAction {
            post_mortem: REVIEW,
            why: Some(WhyId(why)),
            title: "Alert on latency against load".into(),
            priority: ActionPriority::High,
            owner: "ana".into(),
            due: self.now + Span::from_days(7),
        })
    }
}

#[test]
fn a_review_is_complete_when_every_leaf_ends_in_an_action_or_an_accepted_risk() {
    let mut play = Play::new();
    let complete = || Command::CompletePostMortem { post_mortem: REVIEW };
    assert_eq!(play.ask(complete()), Err(Refusal::NoWhys));
    play.why(None, "Redis was slow").unwrap();
    play.why(Some(1), "It was at its capacity").unwrap();
    play.why(Some(1), "Nobody saw it coming").unwrap();
    play.action(3).unwrap();
    let open = Refusal::OpenLeaf(WhyId(2), "It was at its capacity".into());
    assert_eq!(play.ask(complete()), Err(open));
    let accept = |why| Command::AcceptRisk { post_mortem: REVIEW, why: WhyId(why), reason: "Rare".into() };
    assert_eq!(play.ask(accept(1)), Err(Refusal::NotALeaf(WhyId(1))));
    play.ask(accept(2)).unwrap();
    assert_eq!(play.why(Some(2), "more"), Err(Refusal::LeafHasEnded(WhyId(2))));
    play.ask(complete()).unwrap();
    assert_eq!(play.ask(complete()), Err(Refusal::PostMortemIsComplete(REVIEW)));
}

#[test]
fn an_action_that_is_not_done_in_time_is_overdue_once() {
    let mut play = Play::new();
    play.why(None, "Redis was slow").unwrap();
    play.action(1).unwrap();
    let wake = next_wake(&play.state).unwrap();
    play.now = wake.at;
    let overdue = play.ask(Command::Wake(wake.why)).unwrap();
    assert_eq!(overdue, vec![LearningFact::ActionOverdue { action: ActionId(1) }]);
    assert_eq!(next_wake(&play.state), None);
    play.ask(Command::FinishAction { action: ActionId(1), outcome: "rule redis_knee".into() }).unwrap();
}

#[test]
fn the_markdown_tells_impact_timeline_whys_judgements_and_actions() {
    let mut play = Play::new();
    play.why(None, "Redis was slow").unwrap();
    play.why(Some(1), "It was at its capacity").unwrap();
    play.action(2).unwrap();
    let judgement = "Ana saw the queue and guessed Redis".to_owned();
    let person = Some("ana".into());
    play.ask(Command::RecordJudgement { post_mortem: REVIEW, text: judgement, person }).unwrap();
    let text = "Customers could not pay.".to_owned();
    play.ask(Command::WriteSection { post_mortem: REVIEW, section: Section::Summary, text }).unwrap();
    let line = markdown::TimelineLine { at: play.now, by: "ana".into(), text: "acknowledged page_1".into() };
    let review = play.state.review(REVIEW).unwrap();
    insta::assert_snapshot!(markdown::render(&play.state, review, &[line]));
}
