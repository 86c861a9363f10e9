//! The simulated company: its services, its people, who is on call, and how its declarations change.

use std::collections::BTreeMap;

use facts::configuration::{
    Alerting, Channel, Configuration, ContactRef, Declare, EscalationPolicy, EscalationStep, IncidentRules,
    Person, Rotation, Rule, RuleGroup, Service, Target,
};
use facts::{ConfigurationApplied, Seq};
use journal::{ChainHash, Head};
use kernel::{ContactId, Labels, PersonId, PolicyId, Rng, RotationId, ServiceId, Span, TeamId};

/// The longest that a critical group gathers in any declaration of the company.
pub(crate) const CRITICAL_WAIT_MAX: Span = Span::from_secs(30);
/// When an alert ends whose sender names no end.
pub(crate) const RESOLVE_TIMEOUT: Span = Span::from_mins(5);
/// The rule group that Swan evaluates, and how often.
pub(crate) const RULE_GROUP: &str = "hosts";
pub(crate) const RULE_INTERVAL: Span = Span::from_mins(1);

pub(crate) const SERVICES: [&str; 5] = ["shop", "pay", "search", "mail", "maps"];
const PEOPLE: [&str; 8] = ["ada", "ben", "cho", "dan", "eve", "fay", "gus", "hal"];
/// Has no contact, ever.
const UNREACHABLE: &str = "ivy";

/// An alerting rule of the company.
pub(crate) struct CompanyRule {
    pub(crate) name: &'static str,
    pub(crate) hold: Span,
    keep: Span,
    severity: &'static str,
    /// The company takes it out now and then. Only the last one, so that the others keep their places.
    comes_and_goes: bool,
}

/// The rules, in their order.
pub(crate) const RULES: [CompanyRule; 4] = [
    rule("HighLatency", Span::ZERO, Span::ZERO, "critical", false),
    rule("DiskFull", Span::from_mins(2), Span::from_mins(3), "page", false),
    rule("SlowQueries", Span::ZERO, Span::ZERO, "warning", false),
    rule("Flapping", Span::from_mins(1), Span::ZERO, "critical", true),
];

const fn rule(
    name: &'static str,
    hold: Span,
    keep: Span,
    severity: &'static str,
    comes_and_goes: bool,
) -> CompanyRule {
    CompanyRule { name, hold, keep, severity, comes_and_goes }
}

impl CompanyRule {
    pub(crate) fn is_critical(&self) -> bool {
        matches!(self.severity, "critical" | "page")
    }

    /// An alert of this rule, with all of its labels.
    pub(crate) fn alert(&self, element: &Labels) -> Labels {
        element.with("alertname", self.name).with("severity", self.severity)
    }
}

/// One of the services, sometimes one that is not declared.
pub(crate) fn any_service(rng: &mut Rng) -> &'static str {
    rng.pick(&SERVICES).copied().unwrap_or("shop")
}

/// Somebody who can be reached, most of the time.
pub(crate) fn any_person(rng: &mut Rng) -> PersonId {
    PersonId::new(*rng.pick(&PEOPLE).unwrap_or(&"ada"))
}

/// One of the rotations that have people.
pub(crate) fn any_rotation(rng: &mut Rng) -> RotationId {
    RotationId::new(*rng.pick(&["berlin", "york", "kolkata"]).unwrap_or(&"berlin"))
}

/// What the company declares next: the same frame each time, with other people, waits and gaps in it.
pub(crate) fn declare(rng: &mut Rng) -> ConfigurationApplied {
    let configuration = Configuration {
        services: services(rng),
        rule_groups: vec![rules(rng)],
        alerting: Alerting {
            critical_wait: *rng
                .pick(&[Span::ZERO, Span::ZERO, Span::from_secs(10), CRITICAL_WAIT_MAX])
                .expect("four"),
            resolve_timeout: RESOLVE_TIMEOUT,
            ..Alerting::default()
        },
        incidents: IncidentRules {
            declare: if rng.chance(300) { Declare::Automatically } else { Declare::OnAcknowledge },
            ..IncidentRules::default()
        },
        people: people(rng),
        lists: BTreeMap::from([("default".to_owned(), contact("list/default", Channel::Email))]),
        webhooks: BTreeMap::from([("chat".to_owned(), contact("webhook/chat", Channel::Webhook))]),
        teams: BTreeMap::from([
            (TeamId::new("leads"), vec![PersonId::new("eve"), PersonId::new("fay")]),
            (TeamId::new("nobody"), Vec::new()),
        ]),
        rotations: rotations(rng),
        escalation: policies(rng),
        ..Configuration::default()
    };
    let text = serde_json::to_vec(&configuration).expect("a configuration has a JSON form");
    let hash = Head { seq: Seq(0), hash: ChainHash::START.next(&text) }.hash.to_string();
    ConfigurationApplied { hash, source: "the simulated company".to_owned(), configuration }
}

fn contact(id: &str, channel: Channel) -> ContactRef {
    ContactRef { id: ContactId::new(id), channel }
}

fn services(rng: &mut Rng) -> BTreeMap<ServiceId, Service> {
    let policies = [None, Some("careful"), Some("thin"), Some("void"), None];
    let all = SERVICES.iter().zip(policies).map(|(name, policy)| {
        let service = Service { escalation: policy.map(PolicyId::new), ..Service::default() };
        (ServiceId::new(*name), service)
    });
    // The last service comes and goes.
    all.take(if rng.chance(250) { 4 } else { 5 }).collect()
}

fn rules(rng: &mut Rng) -> RuleGroup {
    let left_out = rng.chance(250);
    let kept = RULES.iter().filter(|rule| !(rule.comes_and_goes && left_out));
    let rules = kept.map(|rule| Rule {
        alert: Some(rule.name.to_owned()),
        record: None,
        expr: "up == 0".to_owned(),
        hold: rule.hold,
        keep_firing_for: rule.keep,
        labels: BTreeMap::from([("severity".to_owned(), rule.severity.to_owned())]),
        annotations: BTreeMap::from([(
            "summary".to_owned(),
            "{{ $labels.instance }} is in trouble".to_owned(),
        )]),
    });
    RuleGroup {
        name: RULE_GROUP.to_owned(),
        interval: RULE_INTERVAL,
        file: String::new(),
        query_offset: Span::ZERO,
        limit: 0,
        labels: BTreeMap::new(),
        rules: rules.collect(),
    }
}

fn people(rng: &mut Rng) -> BTreeMap<PersonId, Person> {
    let without = rng.chance(200).then(|| any_person(rng));
    let reachable = PEOPLE.iter().enumerate().map(|(place, name)| {
        let person = PersonId::new(*name);
        let mut contacts = vec![contact(&format!("{name}/email/0"), Channel::Email)];
        if place % 3 == 0 {
            contacts.push(contact(&format!("{name}/webhook/0"), Channel::Webhook));
        }
        let contacts = if without.as_ref() == Some(&person) { Vec::new() } else { contacts };
        (person, Person { contacts })
    });
    reachable.chain([(PersonId::new(UNREACHABLE), Person::default())]).collect()
}

fn rotations(rng: &mut Rng) -> BTreeMap<RotationId, Rotation> {
    let mut rotation = |members: &[&str], handoff: &str, timezone: &str, start: Option<&str>| {
        let leaves_out = rng.below(members.len() as u64 * 4) as usize;
        let there = members.iter().enumerate().filter(|(place, _)| *place != leaves_out);
        Rotation {
            members: there.map(|(_, name)| PersonId::new(*name)).collect(),
            handoff: handoff.parse().expect("the company's hand-offs are hand-offs"),
            timezone: timezone.to_owned(),
            start: start.map(str::to_owned),
        }
    };
    let berlin = rotation(&["ada", "ben", "cho"], "daily 09:00", "Europe/Berlin", Some("2026-02-28"));
    let york = rotation(&["dan", "ivy", "eve"], "Mon 10:00", "America/New_York", Some("2026-01-01"));
    let kolkata = rotation(&["gus", "hal", "ada", "ivy"], "daily 18:30", "Asia/Kolkata", None);
    let vacant = Rotation { members: vec![PersonId::new(UNREACHABLE)], ..berlin.clone() };
    let named = [("berlin", berlin), ("york", york), ("kolkata", kolkata), ("vacant", vacant)];
    named.into_iter().map(|(name, rotation)| (RotationId::new(name), rotation)).collect()
}

fn policies(rng: &mut Rng) -> BTreeMap<PolicyId, EscalationPolicy> {
    let rotation = |name: &str| Target::Rotation(RotationId::new(name));
    let person = |name: &str| Target::User(PersonId::new(name));
    let team = |name: &str| Target::Team(TeamId::new(name));
    let chat = || Target::Webhook("chat".to_owned());
    let walks = [
        (
            "default",
            vec![
                vec![rotation("berlin")],
                vec![rotation("york"), person("fay")],
                vec![team("leads"), chat()],
            ],
        ),
        (
            "careful",
            vec![
                vec![rotation("vacant"), chat()],
                vec![rotation("kolkata")],
                vec![chat()],
                vec![person("eve")],
            ],
        ),
        ("thin", vec![vec![rotation("york")], vec![person("gus"), person("ivy")]]),
        ("void", vec![vec![rotation("vacant")], vec![team("nobody")]]),
    ];
    let mut policy = |steps: Vec<Vec<Target>>| {
        let waits = [10, 60, 120, 300, 300, 600].map(Span::from_secs);
        let mut step = |notify| EscalationStep { notify, wait: *rng.pick(&waits).expect("there are six") };
        let steps = steps.into_iter().map(&mut step).collect();
        EscalationPolicy { steps, repeat: rng.below(3) as u32 }
    };
    walks.into_iter().map(|(name, steps)| (PolicyId::new(name), policy(steps))).collect()
}
