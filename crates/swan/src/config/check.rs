//! What stands against a configuration that is well-formed: dangling references, expressions that do not parse,
//! steps that can be empty. All of it is found at once.

use facts::Configuration;
use facts::configuration::{
    EscalationPolicy, Objective, PromqlSettings, Rotation, Rule, RuleGroup, Service, Sli, Target,
};
use kernel::limits::ESCALATION_REPEATS_MAX;
use kernel::{ServiceId, Span};
use oncall::limits::{STEP_WAIT_MAX, STEP_WAIT_MIN, STEPS_PER_POLICY_MAX};
use promql::{METRIC_NAME, Plan};
use web::ports::{ContactAddress, Problem};

/// The shortest slice of an objective: counts are kept by second.
const SLICE_MIN: Span = Span::from_secs(1);

/// Everything that is wrong, then everything that could be better, each with its path.
pub(crate) fn problems(configuration: &Configuration, contacts: &[ContactAddress]) -> Vec<Problem> {
    let mut found = Findings { configuration, problems: Vec::new() };
    for (id, service) in &configuration.services {
        found.service(id, service);
    }
    found.measuring();
    found.rules();
    found.samples();
    for (id, rotation) in &configuration.rotations {
        found.rotation(&format!("rotations.{id}"), rotation);
    }
    for (id, policy) in &configuration.escalation {
        found.policy(&format!("escalation.{id}"), policy);
    }
    for (id, members) in &configuration.teams {
        for (place, person) in members.iter().enumerate() {
            found.person(&format!("teams.{id}[{place}]"), person);
        }
    }
    if let Some(person) = &configuration.fallback {
        found.person("fallback", person);
    }
    found.contacts(contacts);
    found.status_pages();
    found.problems.extend(super::scraping::problems(&configuration.scrape_configs));
    found.problems.sort_by_key(|problem| !problem.is_error);
    found.problems
}

/// What stands against rule groups, or could be better.
pub(crate) fn rule_problems(groups: &[RuleGroup], promql: PromqlSettings) -> Vec<Problem> {
    let configuration = Configuration { rule_groups: groups.to_vec(), promql, ..Configuration::default() };
    let mut found = Findings { configuration: &configuration, problems: Vec::new() };
    found.rules();
    found.problems
}

struct Findings<'c> {
    configuration: &'c Configuration,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn error(&mut self, path: &str, message: String, hint: &str) {
        self.add(true, path, message, hint);
    }

    fn warning(&mut self, path: &str, message: String, hint: &str) {
        self.add(false, path, message, hint);
    }

    fn add(&mut self, is_error: bool, path: &str, message: String, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problems.push(Problem { is_error, path: path.to_owned(), message, hint });
    }

    fn service(&mut self, id: &ServiceId, service: &Service) {
        let path = format!("services.{id}");
        let config = self.configuration;
        if let Some(team) = service.owner.as_ref().filter(|team| !config.teams.contains_key(team)) {
            self.warning(
                &format!("{path}.owner"),
                format!("there is no team `{team}`"),
                "add it under `teams`",
            );
        }
        if let Some(policy) = service.escalation.as_ref().filter(|id| !config.escalation.contains_key(id)) {
            let hint = "add it under `escalation`";
            self.error(
                &format!("{path}.escalation"),
                format!("there is no escalation policy `{policy}`"),
                hint,
            );
        }
        if let Some(list) = service.list.as_ref().filter(|list| !config.lists.contains_key(*list)) {
            self.error(&format!("{path}.list"), format!("there is no list `{list}`"), "add it under `lists`");
        }
        for (place, needed) in service.depends_on.iter().enumerate() {
            if !config.services.contains_key(needed) {
                let path = format!("{path}.depends_on[{place}]");
                self.error(&path, format!("there is no service `{needed}`"), "add it under `services`");
            }
        }
        for (place, objective) in service.objectives.iter().enumerate() {
            self.objective(&format!("{path}.objectives[{place}]"), objective);
            let same = service.objectives[..place].iter().any(|earlier| earlier.name == objective.name);
            if same {
                let message = format!("`{id}` has two objectives named `{}`", objective.name);
                self.error(&format!("{path}.objectives[{place}].name"), message, "rename one of them");
            }
        }
        if let Some(day) = service.launched.as_ref().filter(|day| day.parse::<jiff::civil::Date>().is_err()) {
            let message = format!("`{day}` is not a day like `2026-09-01`");
            self.error(&format!("{path}.launched"), message, "");
        }
    }

    fn objective(&mut self, path: &str, objective: &Objective) {
        let sli = &objective.sli;
        let given = [sli.requests.is_some(), sli.check.is_some(), sli.total.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            let hint =
                "`requests: NAME`, `check: NAME`, or `total: PROMQL` with `bad: PROMQL` or `good: PROMQL`";
            self.error(&format!("{path}.sli"), "an SLI is measured in exactly one way".to_owned(), hint);
        }
        if sli.total.is_some() && sli.bad.is_some() == sli.good.is_some() {
            let message = "`total` needs exactly one of `bad` and `good` beside it".to_owned();
            self.error(&format!("{path}.sli"), message, "");
        }
        if sli.slice < SLICE_MIN || sli.slice.as_millis() % 1000 != 0 {
            let message = format!("a slice of `{}` is not a whole number of seconds", sli.slice);
            self.error(&format!("{path}.sli.slice"), message, "`1m` is what most teams use");
        }
        if let Some(check) = sli.check.as_ref().filter(|id| !self.configuration.checks.contains_key(id)) {
            let message = format!("there is no check `{check}`");
            self.error(&format!("{path}.sli.check"), message, "add it under `checks`");
        }
        self.sli_expressions(path, sli);
    }

    fn sli_expressions(&mut self, path: &str, sli: &Sli) {
        for (name, text) in [("total", &sli.total), ("bad", &sli.bad), ("good", &sli.good)] {
            if let Some(text) = text {
                self.expression(&format!("{path}.sli.{name}"), text);
            }
        }
    }

    fn expression(&mut self, path: &str, text: &str) {
        if let Err(refusal) = Plan::parse_with(text, web::language::settings(self.configuration.promql)) {
            let hint = kernel::Refuse::hint(&refusal).unwrap_or_default();
            self.error(path, refusal.to_string(), &hint);
        }
    }

    fn measuring(&mut self) {
        let config = self.configuration;
        for (id, check) in &config.checks {
            let path = format!("checks.{id}");
            self.known_service(&format!("{path}.service"), &check.service);
            let url = egress::guard::read_url(egress::guard::Origin::Operator, &check.http);
            if let Err(refusal) = url {
                self.error(&format!("{path}.http"), refusal.to_string(), "");
            }
            if let Err(problem) = check.status.parse::<signals::FailedWhen>() {
                self.error(&format!("{path}.status"), problem, "");
            }
            self.period(&format!("{path}.every"), check.every);
        }
        for (id, heartbeat) in &config.heartbeats {
            self.known_service(&format!("heartbeats.{id}.service"), &heartbeat.service);
            self.period(&format!("heartbeats.{id}.every"), heartbeat.every);
        }
        for (name, log) in &config.access_logs {
            if let Err(problem) = log.failed.parse::<signals::FailedWhen>() {
                self.error(&format!("access_logs.{name}.failed"), problem, "");
            }
        }
        for (place, job) in config.scrape.iter().enumerate() {
            self.period(&format!("scrape[{place}].every"), job.every);
        }
        for (id, scalable) in &config.scalables {
            let path = format!("scalables.{id}");
            if let Some(service) = &scalable.service {
                self.known_service(&format!("{path}.service"), service);
            }
            self.expression(&format!("{path}.current"), &scalable.current);
            self.expression(&format!("{path}.maximum"), &scalable.maximum);
            if let Some(minimum) = &scalable.minimum {
                self.expression(&format!("{path}.minimum"), minimum);
            }
            self.period(&format!("{path}.every"), scalable.every);
        }
    }

    /// Limits that hold for nobody, and limits that nothing keeps within.
    fn samples(&mut self) {
        let config = self.configuration;
        let storage = &config.metrics;
        let sources = storage.sources.iter().map(|(name, of)| (format!("metrics.sources.{name}"), of));
        for (path, of) in sources.chain([("metrics.source".to_owned(), &storage.source)]) {
            for (key, limit) in [("series", of.series), ("labels", of.labels)] {
                if limit == Some(0) {
                    let message = format!("`{key}: 0` refuses everything");
                    self.warning(&format!("{path}.{key}"), message, "leave it out, where there is no limit");
                }
            }
        }
        let is_job = |name: &str| config.scrape_configs.iter().any(|job| job.job_name == name);
        for name in storage.sources.keys() {
            let is_known = match name.split_once('/') {
                Some(("job", job)) => is_job(job),
                Some(("token" | "person", _)) => true,
                _ => false,
            };
            if !is_known {
                let message = format!("no source is named `{name}`");
                let hint = "`job/NAME` of a scrape job, or `token/NAME` of a sender's token";
                self.warning(&format!("metrics.sources.{name}"), message, hint);
            }
        }
    }

    fn known_service(&mut self, path: &str, service: &ServiceId) {
        if !self.configuration.services.contains_key(service) {
            self.error(path, format!("there is no service `{service}`"), "add it under `services`");
        }
    }

    fn period(&mut self, path: &str, every: Span) {
        if every <= Span::ZERO {
            self.error(path, "a period is longer than nothing".to_owned(), "`30s`, for example");
        }
    }

    fn rules(&mut self) {
        let config = self.configuration;
        if config.external_labels.contains_key("") {
            self.error("global.external_labels", "a label has an empty name".to_owned(), "");
        }
        for (number, group) in config.rule_groups.iter().enumerate() {
            let path = format!("rule_groups[{number}]");
            self.period(&format!("{path}.interval"), group.interval);
            if group.name.is_empty() {
                self.error(&format!("{path}.name"), "a rule group has a name".to_owned(), "");
            }
            if config.rule_groups[..number].iter().any(|earlier| earlier.name == group.name) {
                let message = format!("two rule groups are named `{}`", group.name);
                self.error(&format!("{path}.name"), message, "rename one of them");
            }
            for (place, rule) in group.rules.iter().enumerate() {
                self.rule(&format!("{path}.rules[{place}]"), rule, group);
            }
        }
    }

    fn rule(&mut self, path: &str, rule: &Rule, group: &facts::configuration::RuleGroup) {
        self.expression(&format!("{path}.expr"), &rule.expr);
        if rule.alert.is_some() == rule.record.is_some() {
            let message = "a rule has exactly one of `alert` and `record`".to_owned();
            self.error(path, message, "");
        }
        self.fields_of_recording(path, rule);
        if rule.labels.contains_key(METRIC_NAME) {
            let message = format!("`{METRIC_NAME}` is no label that a rule can add");
            self.error(&format!("{path}.labels.{METRIC_NAME}"), message, "`record` names the series");
        }
        let templates = rule.labels.iter().map(|(name, text)| (format!("labels.{name}"), text));
        let templates =
            templates.chain(rule.annotations.iter().map(|(n, text)| (format!("annotations.{n}"), text)));
        for (below, text) in templates {
            if let Err(error) = alerting::templates::check(text) {
                let hint = error.hint.clone().unwrap_or_default();
                self.error(&format!("{path}.{below}"), error.to_string(), &hint);
            }
        }
        if rule.alert.is_none() {
            return;
        }
        let said = |name: &str| rule.labels.contains_key(name) || group.labels.contains_key(name);
        if !said("priority") && !said("severity") {
            let name = rule.alert.as_deref().unwrap_or_default();
            let message = format!("`{name}` has neither a `priority` nor a `severity` label, so it is high");
            self.warning(path, message, "add `priority: critical`, `high` or `low` to its labels");
        }
    }

    /// What only an alert has.
    fn fields_of_recording(&mut self, path: &str, rule: &Rule) {
        let fields = [
            ("for", rule.hold != Span::ZERO),
            ("keep_firing_for", rule.keep_firing_for != Span::ZERO),
            ("annotations", !rule.annotations.is_empty()),
        ];
        for (name, _) in fields.into_iter().filter(|(_, is_given)| *is_given && rule.record.is_some()) {
            let message = format!("a recording rule has no `{name}`");
            self.error(&format!("{path}.{name}"), message, "leave it out, or make it an alert");
        }
    }

    fn rotation(&mut self, path: &str, rotation: &Rotation) {
        if rotation.members.is_empty() {
            let message = "a rotation without members has nobody on call".to_owned();
            self.error(&format!("{path}.members"), message, "name at least one person");
        }
        for (place, person) in rotation.members.iter().enumerate() {
            self.person(&format!("{path}.members[{place}]"), person);
        }
        if let Err(problem) = oncall::calendar::zone(&rotation.timezone) {
            let hint = "an IANA name like `Europe/Dublin`, or `UTC`";
            self.error(&format!("{path}.timezone"), problem.to_string(), hint);
        }
        if let Some(day) = rotation.start.as_ref().filter(|day| day.parse::<jiff::civil::Date>().is_err()) {
            self.error(&format!("{path}.start"), format!("`{day}` is not a day like `2026-09-07`"), "");
        }
    }

    fn policy(&mut self, path: &str, policy: &EscalationPolicy) {
        if policy.steps.is_empty() {
            self.error(path, "a policy without steps notifies nobody".to_owned(), "add a step");
        }
        if policy.repeat > ESCALATION_REPEATS_MAX {
            let message = format!("`repeat: {}` is more than {ESCALATION_REPEATS_MAX}", policy.repeat);
            self.error(&format!("{path}.repeat"), message, "");
        }
        if policy.steps.len() > STEPS_PER_POLICY_MAX {
            let message = format!("{} steps are more than {STEPS_PER_POLICY_MAX}", policy.steps.len());
            self.error(&format!("{path}.steps"), message, "use `repeat` to walk the same steps again");
        }
        for (place, step) in policy.steps.iter().enumerate() {
            let path = format!("{path}.steps[{place}]");
            if step.wait < STEP_WAIT_MIN || step.wait > STEP_WAIT_MAX {
                let message =
                    format!("a wait of `{}` is not between {STEP_WAIT_MIN} and {STEP_WAIT_MAX}", step.wait);
                self.error(&format!("{path}.wait"), message, "five minutes are usual");
            }
            for (target, found) in step.notify.iter().enumerate() {
                self.target(&format!("{path}.notify[{target}]"), found);
            }
            if !step.notify.iter().any(|target| self.reaches_somebody(target)) {
                let message = "this step can be empty: nobody in it has a contact".to_owned();
                self.error(&path, message, "name a person with an address, or a rotation of such people");
            }
        }
    }

    fn target(&mut self, path: &str, target: &Target) {
        let config = self.configuration;
        let missing = match target {
            Target::Rotation(id) => (!config.rotations.contains_key(id)).then(|| format!("rotation `{id}`")),
            Target::User(id) => (!config.people.contains_key(id)).then(|| format!("person `{id}`")),
            Target::Team(id) => (!config.teams.contains_key(id)).then(|| format!("team `{id}`")),
            Target::Webhook(name) => {
                (!config.webhooks.contains_key(name)).then(|| format!("webhook `{name}`"))
            }
        };
        if let Some(missing) = missing {
            self.error(path, format!("there is no {missing}"), "add it to the configuration");
        }
    }

    /// Whether at every time somebody behind this target can be reached.
    fn reaches_somebody(&self, target: &Target) -> bool {
        let config = self.configuration;
        let reachable = |id| config.people.get(id).is_some_and(|person| !person.contacts.is_empty());
        match target {
            // Whoever is on call has to be reachable, so each member has to be.
            Target::Rotation(id) => config.rotations.get(id).is_none_or(|r| r.members.iter().all(reachable)),
            Target::User(id) => reachable(id),
            Target::Team(id) => config.teams.get(id).is_none_or(|members| members.iter().any(reachable)),
            Target::Webhook(_) => false,
        }
    }

    fn person(&mut self, path: &str, person: &kernel::PersonId) {
        if !self.configuration.people.contains_key(person) {
            self.error(path, format!("there is no person `{person}`"), "add them under `people`");
        }
    }

    fn contacts(&mut self, contacts: &[ContactAddress]) {
        let mails = contacts.iter().filter(|c| c.channel == facts::configuration::Channel::Email);
        for contact in mails.clone() {
            if let Err(refusal) = egress::smtp::Mailbox::new(None, &contact.address) {
                let path = contact
                    .person
                    .as_ref()
                    .map_or_else(|| format!("lists.{}", contact.name), |person| format!("people.{person}"));
                self.error(&path, refusal.to_string(), "");
            }
        }
        if mails.count() > 0 && self.configuration.channels.email.is_none() {
            let message = "there are mail addresses and no `channels.email` that could reach them".to_owned();
            self.error(
                "channels",
                message,
                "name your mail server: `channels: { email: { smtp: host:port, from: … } }`",
            );
        }
        let is_secret =
            |contact: &&ContactAddress| contact.contact.as_str().starts_with(super::scraping::SECRET_PREFIX);
        let webhooks = contacts.iter().filter(|c| c.channel == facts::configuration::Channel::Webhook);
        for contact in webhooks.filter(|contact| !is_secret(contact)) {
            if let Err(refusal) = egress::guard::read_url(egress::guard::Origin::Operator, &contact.address) {
                self.error(&format!("webhooks.{}", contact.name), refusal.to_string(), "");
            }
        }
    }

    fn status_pages(&mut self) {
        let config = self.configuration;
        for (id, page) in &config.status_pages {
            for (place, pattern) in page.components.iter().enumerate() {
                let known = pattern.split_once('/').is_some_and(|(service, component)| {
                    config.services.get(&ServiceId::new(service)).is_some_and(|found| {
                        component == "*" || found.components.iter().any(|c| c.as_str() == component)
                    })
                });
                if !known {
                    let path = format!("status_pages.{id}.components[{place}]");
                    let hint = "`shop/*` or `shop/checkout`, as `services` has them";
                    self.error(&path, format!("`{pattern}` matches no component"), hint);
                }
            }
        }
    }
}
