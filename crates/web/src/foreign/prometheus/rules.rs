//! Rules, and the alerts that they hold, as of a durable revision.
//!
//! The configuration in force stands for the file of groups that are from none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::templates::go_float;
use alerting::{Reading, Wording};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use engine::World;
use facts::configuration::{Rule, RuleGroup};
use kernel::{Fingerprint, Labels, Timestamp};
use promql::{Matcher, Plan, Settings};
use serde::Serialize;
use serde_json::Number;

use super::answer::{Answered, Unanswered, success};
use super::parameters::Parameters;
use crate::access::Responder;
use crate::doors::Doorway;
use crate::language;
use crate::ports::{Evaluation, RuleHealth};

pub(super) fn routes() -> Router<Doorway> {
    Router::new()
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/alertmanagers", get(alertmanagers))
}

/// How a time that is not known is written: Go's zero time.
pub(super) const NO_TIME: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAlert {
    labels: Labels,
    annotations: BTreeMap<String, String>,
    state: &'static str,
    active_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<Timestamp>,
    value: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShownRule {
    Alerting(Box<AlertingRule>),
    Recording(RecordingRule),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingRule {
    state: &'static str,
    name: String,
    query: String,
    duration: Number,
    keep_firing_for: Number,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    alerts: Option<Vec<ShownAlert>>,
    #[serde(skip)]
    held: Option<Held>,
    #[serde(flatten)]
    health: Health,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct RecordingRule {
    name: String,
    query: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(flatten)]
    health: Health,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    evaluation_time: Number,
    last_evaluation: String,
}

impl Health {
    fn of(evaluation: Option<Evaluation>) -> Self {
        let evaluation = evaluation.unwrap_or_default();
        let health = match (evaluation.at, &evaluation.error) {
            (_, Some(_)) => "err",
            (Some(_), None) => "ok",
            (None, None) => "unknown",
        };
        Self {
            health,
            evaluation_time: seconds(evaluation.took),
            last_evaluation: written(evaluation.at),
            last_error: evaluation.error,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownGroup {
    name: String,
    file: String,
    rules: Vec<ShownRule>,
    interval: Number,
    limit: u64,
    evaluation_time: Number,
    last_evaluation: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownGroups {
    groups: Vec<ShownGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

/// A time that may be unknown.
pub(super) fn written(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NO_TIME.to_owned(), |at| at.to_string())
}

/// Seconds as Go writes them: without a fraction where there is none.
pub(super) fn seconds(span: Duration) -> Number {
    let fraction = Number::from_f64(span.as_secs_f64()).filter(|_| span.subsec_nanos() > 0);
    fraction.unwrap_or_else(|| span.as_secs().into())
}

/// Which rules are asked for.
struct Filter {
    groups: Vec<String>,
    names: Vec<String>,
    files: Vec<String>,
    selectors: Vec<Vec<Matcher>>,
    alerting: bool,
    recording: bool,
    exclude_alerts: bool,
    groups_max: Option<usize>,
    from_token: Option<String>,
}

impl Filter {
    fn read(parameters: &Parameters) -> Result<Self, Unanswered> {
        let all = |name: &str| parameters.all(name).map(str::to_owned).collect();
        let selectors = parameters.selectors()?;
        let kind = parameters.get("type").unwrap_or("").to_ascii_lowercase();
        if !matches!(&*kind, "" | "alert" | "record") {
            return Err(Unanswered::parameter("type", format!("not supported value {kind:?}")));
        }
        let exclude_alerts = parameters.truth("exclude_alerts")?;
        let from_token = parameters.get("group_next_token").map(str::to_owned);
        let groups_max = parameters.get("group_limit").map(groups_max).transpose()?;
        if from_token.is_some() && groups_max.is_none() {
            let problem = "group_limit needs to be present in order to paginate over the groups";
            return Err(Unanswered::parameter("group_next_token", problem));
        }
        Ok(Self {
            groups: all("rule_group[]"),
            names: all("rule_name[]"),
            files: all("file[]"),
            selectors,
            alerting: kind != "record",
            recording: kind != "alert",
            exclude_alerts,
            groups_max,
            from_token,
        })
    }

    fn wants_group(&self, file: &str, group: &str) -> bool {
        (self.groups.is_empty() || self.groups.iter().any(|name| name == group))
            && (self.files.is_empty() || self.files.iter().any(|name| name == file))
    }

    fn wants_rule(&self, group: &RuleGroup, rule: &Rule) -> bool {
        let wants_kind = if rule.alert.is_some() { self.alerting } else { self.recording };
        let wants_name = self.names.is_empty() || self.names.iter().any(|name| name == name_of(rule));
        let labels = labels_of(group, rule);
        // What a template's value will be is not known.
        let holds = |matcher: &Matcher| {
            let value = labels.get(matcher.name()).map_or("", String::as_str);
            !value.contains("{{") && matcher.matches(value)
        };
        let wants_labels =
            self.selectors.is_empty() || self.selectors.iter().any(|all| all.iter().all(holds));
        wants_kind && wants_name && wants_labels
    }
}

fn groups_max(text: &str) -> Result<usize, Unanswered> {
    let number: i64 = text
        .parse()
        .map_err(|_| Unanswered::parameter("group_limit", "group_limit needs to be a valid number"))?;
    let positive = usize::try_from(number).ok().filter(|number| *number > 0);
    positive.ok_or_else(|| Unanswered::parameter("group_limit", "group_limit needs to be greater than 0"))
}

fn name_of(rule: &Rule) -> &str {
    rule.alert.as_deref().or(rule.record.as_deref()).unwrap_or("")
}

/// The expression in the form that Prometheus gives it; as it was written where it is none.
fn query_of(rule: &Rule, settings: Settings) -> String {
    Plan::parse_with(&rule.expr, settings).map_or_else(|_| rule.expr.clone(), |plan| plan.normal_form())
}

/// The group's labels and, over them, the rule's own.
fn labels_of(group: &RuleGroup, rule: &Rule) -> BTreeMap<String, String> {
    group.labels.iter().chain(&rule.labels).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What stands for a group between two requests that page through them.
fn token(file: &str, group: &str) -> String {
    let identity = Labels::new([("file", file), ("group", group)]).unwrap_or_default();
    identity.fingerprint().to_string()
}

async fn rules(_: Responder, State(doorway): State<Doorway>, parameters: Parameters) -> Answered {
    let filter = Filter::read(&parameters)?;
    let health = Arc::clone(&doorway.ports.rules);
    let mut shown = doorway.view(move |world| page(world, &filter, &*health)).await??;
    for rule in shown.groups.iter_mut().flat_map(|group| &mut group.rules) {
        if let ShownRule::Alerting(rule) = rule {
            rule.alerts = rule.held.take().map(Held::shown);
        }
    }
    Ok(success(&shown))
}

fn page(world: &World, filter: &Filter, health: &dyn RuleHealth) -> Result<ShownGroups, Unanswered> {
    let mut shown = ShownGroups { groups: Vec::new(), group_next_token: None };
    let Some(applied) = world.applied() else { return Ok(shown) };
    let file_of = |group: &RuleGroup| {
        if group.file.is_empty() { applied.source.clone() } else { group.file.clone() }
    };
    let groups = applied.configuration.rule_groups.iter();
    let mut groups: Vec<(String, &RuleGroup)> = groups.map(|group| (file_of(group), group)).collect();
    groups.sort_by(|a, b| (&a.0, &a.1.name).cmp(&(&b.0, &b.1.name)));
    let mut is_reached = filter.from_token.is_none();
    for (file, group) in groups {
        is_reached |= filter.from_token.as_deref() == Some(&*token(&file, &group.name));
        if !is_reached || !filter.wants_group(&file, &group.name) {
            continue;
        }
        if !group.rules.iter().any(|rule| filter.wants_rule(group, rule)) {
            continue;
        }
        if filter.groups_max.is_some_and(|most| shown.groups.len() == most) {
            shown.group_next_token = Some(token(&file, &group.name));
            break;
        }
        shown.groups.push(show_group(world, &file, group, filter, health));
    }
    match &filter.from_token {
        Some(token) if !is_reached => {
            let problem = format!("invalid group_next_token '{token}'. were rule groups changed?");
            Err(Unanswered::parameter("group_next_token", problem))
        }
        _ => Ok(shown),
    }
}

fn show_group(
    world: &World,
    file: &str,
    group: &RuleGroup,
    filter: &Filter,
    book: &dyn RuleHealth,
) -> ShownGroup {
    let settings = world.configuration().map_or_else(Settings::default, |c| language::settings(c.promql));
    let wanted = group.rules.iter().enumerate().filter(|(_, rule)| filter.wants_rule(group, rule));
    let rules = wanted.map(|(place, rule)| {
        let health = Health::of(book.rule(&group.name, place));
        let (name, query, labels) =
            (name_of(rule).to_owned(), query_of(rule, settings), labels_of(group, rule));
        let Some(state) = world.alerting.rule_state(&group.name, place) else {
            return ShownRule::Recording(RecordingRule { name, query, labels, health, kind: "recording" });
        };
        ShownRule::Alerting(Box::new(AlertingRule {
            state: state.condition.as_str(),
            name,
            query,
            duration: seconds(rule.hold.to_std()),
            keep_firing_for: seconds(rule.keep_firing_for.to_std()),
            labels,
            annotations: rule.annotations.clone(),
            alerts: None,
            held: Held::by(world, book, &group.name, place).filter(|_| !filter.exclude_alerts),
            health,
            kind: "alerting",
        }))
    });
    let round = book.group(&group.name).unwrap_or_default();
    ShownGroup {
        name: group.name.clone(),
        file: file.to_owned(),
        rules: rules.collect(),
        interval: seconds(group.interval.to_std()),
        limit: group.limit,
        evaluation_time: seconds(round.took),
        last_evaluation: written(round.at),
    }
}

/// What a rule holds, and what words it: annotations are expanded once the World is let go.
struct Held {
    alerts: Vec<(Fingerprint, ShownAlert)>,
    wording: Option<Wording>,
    reading: Option<Arc<Reading>>,
}

impl Held {
    fn by(world: &World, health: &dyn RuleHealth, group: &str, place: usize) -> Option<Self> {
        let state = world.alerting.rule_state(group, place)?;
        let pending = state.pending.iter().map(|(fingerprint, pending)| {
            let shown = ShownAlert {
                labels: pending.labels.clone(),
                annotations: BTreeMap::new(),
                state: "pending",
                active_at: pending.since,
                keep_firing_since: None,
                value: pending.value.clone(),
            };
            (*fingerprint, shown)
        });
        let firing = state.firing.iter().map(|alert| {
            let shown = ShownAlert {
                labels: alert.fired.labels.clone(),
                annotations: alert.fired.annotations.clone(),
                state: "firing",
                active_at: alert.fired.starts_at,
                keep_firing_since: alert.kept_since,
                value: alert.fired.value.clone().unwrap_or_else(|| "NaN".to_owned()),
            };
            (alert.fired.fingerprint, shown)
        });
        let alerts = firing.chain(pending).collect();
        let (wording, reading) = (world.alerting.wording(group, place), health.reading(group, place));
        Some(Self { alerts, wording, reading })
    }

    /// As the last evaluation has it; what no evaluation of this process read, as it began.
    fn shown(self) -> Vec<ShownAlert> {
        let Self { alerts, wording, reading } = self;
        let Some(wording) = wording.filter(|_| !alerts.is_empty()) else { return Vec::new() };
        let said = reading.map(|reading| wording.said(&reading)).unwrap_or_default();
        let worded = |(fingerprint, mut shown): (Fingerprint, ShownAlert)| {
            if let Some(now) = said.get(&fingerprint) {
                shown.value = go_float(now.value);
                shown.annotations.clone_from(&now.annotations);
            } else if shown.state == "pending" {
                shown.annotations = as_it_began(&wording, &shown);
            }
            shown.value = scientific(&shown.value);
            shown
        };
        alerts.into_iter().map(worded).collect()
    }
}

/// What a rule says of an alert that has yet to fire, from its beginning.
fn as_it_began(wording: &Wording, pending: &ShownAlert) -> BTreeMap<String, String> {
    let value = pending.value.parse().unwrap_or(f64::NAN);
    let elements = vec![(pending.labels.clone(), value)];
    let reading = Reading { at: pending.active_at, elements, ..Reading::default() };
    wording.said(&reading).into_values().next().map_or_else(BTreeMap::new, |said| said.annotations)
}

/// A number as `%e` with the fewest digits: `1e+00`.
fn scientific(value: &str) -> String {
    let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return value.to_owned();
    };
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[derive(Serialize)]
struct ShownAlerts {
    alerts: Vec<ShownAlert>,
}

async fn alerts(_: Responder, State(doorway): State<Doorway>) -> Answered {
    let health = Arc::clone(&doorway.ports.rules);
    let held = doorway.view(move |world| {
        let groups = world.configuration().into_iter().flat_map(|configuration| &configuration.rule_groups);
        let rules = groups.flat_map(|group| (0..group.rules.len()).map(move |place| (group, place)));
        let held = rules.filter_map(|(group, place)| Held::by(world, &*health, &group.name, place));
        held.collect::<Vec<Held>>()
    });
    let alerts = held.await?.into_iter().flat_map(Held::shown).collect();
    Ok(success(&ShownAlerts { alerts }))
}

/// Swan tells people itself and sends its alerts to no Alertmanager.
async fn alertmanagers(_: Responder) -> Answered {
    Ok(success(&serde_json::json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_does() {
        for (value, text) in [("1", "1e+00"), ("0.00015", "1.5e-04"), ("-1e100", "-1e+100"), ("+Inf", "+Inf")]
        {
            assert_eq!(scientific(value), text);
        }
    }
}
