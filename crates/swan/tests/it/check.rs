//! `swan check`: what is wrong with a configuration is said with its place, and with what to do.

use std::path::Path;

use crate::swan::run;
use crate::team::Team;

/// A sound configuration of a team, in which `from` was replaced by `to`.
fn mistaken(from: &str, to: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    Team::with_mail_at(25).and("rules: rules.yaml\n").write(directory.path());
    let rules = "groups:
  - name: shop
    rules:
      - alert: ShopFails
        expr: sum(rate(http_requests_total[1m])) > 1
        labels: { severity: critical }
";
    write(directory.path(), "rules.yaml", rules);
    for name in ["swan.yaml", "rules.yaml"] {
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        write(directory.path(), name, &text.replace(from, to));
    }
    directory
}

fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).unwrap();
}

fn checked(from: &str, to: &str) -> String {
    run(mistaken(from, to).path(), &["check", "swan.yaml"]).seen()
}

#[test]
fn a_sound_configuration_passes() {
    insta::assert_snapshot!(checked("", ""), @r"
    swan.yaml: 1 services, 1 rules, 2 people; 0 errors, 0 warnings
    exit code 0
    ");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_key_that_was_meant() {
    insta::assert_snapshot!(checked("    owner: web\n", "    ownre: web\n"), @r"
    error: swan.yaml:3:5: unknown key `ownre`
      hint: did you mean `owner`?
    exit code 2
    ");
    insta::assert_snapshot!(checked("rotations:\n", "rotatoins:\n"), @r"
    error: swan.yaml:12:1: unknown key `rotatoins`
      hint: did you mean `rotations`?
    exit code 2
    ");
    insta::assert_snapshot!(checked("wait: 10s", "after: 10s"), @r"
    error: swan.yaml:18:38: unknown key `after`
      hint: known here: notify, wait
    exit code 2
    ");
}

#[test]
fn what_comes_later_is_refused_as_not_supported_yet() {
    insta::assert_snapshot!(checked("sli: { requests: shop }", "sli: { requests: shop, within: 300ms }"), @r"
    error: swan.yaml:7:54: not supported yet: `within`
      hint: leave it out for now; a later Swan reads it
    exit code 2
    ");
}

#[test]
fn references_that_lead_nowhere_are_all_found_at_once() {
    let directory = mistaken("escalation: web\n", "escalation: webb\n    depends_on: [payments]\n");
    let text = std::fs::read_to_string(directory.path().join("swan.yaml")).unwrap();
    let text =
        text.replace("[rotation: second]", "[rotation: third, user: dee]").replace("shop/*", "shop/cart");
    write(directory.path(), "swan.yaml", &text.replace("members: [bo]", "members: [bob]"));
    insta::assert_snapshot!(run(directory.path(), &["check", "swan.yaml"]).seen(), @r"
    swan.yaml:4:5: there is no escalation policy `webb`
      hint: add it under `escalation`
    swan.yaml:5:18: there is no service `payments`
      hint: add it under `services`
    swan.yaml:15:23: there is no person `bob`
      hint: add them under `people`
    swan.yaml:20:20: there is no rotation `third`
      hint: add it to the configuration
    swan.yaml:20:37: there is no person `dee`
      hint: add it to the configuration
    swan.yaml:22:39: `shop/cart` matches no component
      hint: `shop/*` or `shop/checkout`, as `services` has them
    swan.yaml: 1 services, 1 rules, 2 people; 6 errors, 0 warnings
    exit code 1
    ");
}

#[test]
fn a_rule_that_does_not_parse_is_shown_in_the_rule_file() {
    insta::assert_snapshot!(checked("[1m])) > 1", "[1m]) > 1"), @r"
    rules.yaml:5:9: `sum(rate(http_requests_total[1m]) > 1` is not a PromQL expression: unclosed `(` at column 4
    swan.yaml: 1 services, 1 rules, 2 people; 1 errors, 0 warnings
    exit code 1
    ");
    insta::assert_snapshot!(checked("sum(rate(", "predict_linear(rate("), @r"
    rules.yaml:5:9: `predict_linear(rate(http_requests_total[1m])) > 1` is not a PromQL expression: `predict_linear` takes 2 argument(s), and 1 are given at column 1
    swan.yaml: 1 services, 1 rules, 2 people; 1 errors, 0 warnings
    exit code 1
    ");
    insta::assert_snapshot!(checked("        expr:", "        exprr:"), @r"
    error: rules.yaml:5:9: unknown key `exprr`
      hint: did you mean `expr`?
    exit code 2
    ");
}

#[test]
fn an_escalation_step_that_can_be_empty_is_an_error() {
    insta::assert_snapshot!(checked("name: Bo, email: bo@shop.example", "name: Bo"), @r"
    swan.yaml:19:9: this step can be empty: nobody in it has a contact
      hint: name a person with an address, or a rotation of such people
    swan.yaml: 1 services, 1 rules, 2 people; 1 errors, 0 warnings
    exit code 1
    ");
    insta::assert_snapshot!(checked("[rotation: second]", "[]"), @r"
    swan.yaml:19:9: this step can be empty: nobody in it has a contact
      hint: name a person with an address, or a rotation of such people
    swan.yaml: 1 services, 1 rules, 2 people; 1 errors, 0 warnings
    exit code 1
    ");
}

#[test]
fn a_rule_whose_priority_nobody_said_is_worth_a_warning() {
    insta::assert_snapshot!(checked("severity: critical", "team: web"), @r"
    rules.yaml:4:9: warning: `ShopFails` has neither a `priority` nor a `severity` label, so it is high
      hint: add `priority: critical`, `high` or `low` to its labels
    swan.yaml: 1 services, 1 rules, 2 people; 0 errors, 1 warnings
    exit code 0
    ");
}

#[test]
fn limits_that_hold_for_nobody_or_for_everything_are_worth_a_warning() {
    let limits = "metrics:
  source: { labels: 0 }
  sources: { shop: { series: 10 }, job/shop: { series: 10 }, token/shop: { series: 0 } }
rotations:\n";
    insta::assert_snapshot!(checked("rotations:\n", limits), @r"
    swan.yaml:14:76: warning: `series: 0` refuses everything
      hint: leave it out, where there is no limit
    swan.yaml:13:13: warning: `labels: 0` refuses everything
      hint: leave it out, where there is no limit
    swan.yaml:14:36: warning: no source is named `job/shop`
      hint: `job/NAME` of a scrape job, or `token/NAME` of a sender's token
    swan.yaml:14:14: warning: no source is named `shop`
      hint: `job/NAME` of a scrape job, or `token/NAME` of a sender's token
    swan.yaml: 1 services, 1 rules, 2 people; 0 errors, 4 warnings
    exit code 0
    ");
}

#[test]
fn text_that_is_no_yaml_is_said_with_its_place() {
    insta::assert_snapshot!(checked("teams: { web: [ana, bo] }", "teams: { web: [ana, bo"), @r"
    error: swan.yaml:12:10: illegal placement of ':' indicator
    exit code 2
    ");
    insta::assert_snapshot!(checked("teams: { web: [ana, bo] }", "teams: { web: [ana, bo] }\nteams: {}"), @r"
    error: swan.yaml:12:1: duplicate mapping key: teams
    exit code 2
    ");
    let directory = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(run(directory.path(), &["check", "swan.yaml"]).seen(), @r"
    error: cannot read `swan.yaml`: No such file or directory (os error 2)
    exit code 2
    ");
}

#[test]
fn scripts_read_the_problems_as_json() {
    let directory = mistaken("escalation: web\n", "escalation: webb\n");
    let found = run(directory.path(), &["check", "swan.yaml", "--json"]);
    assert_eq!(found.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["valid"], false);
    let problem = &found["problems"][0];
    assert_eq!(problem["path"], "services.shop.escalation");
    assert_eq!(problem["message"], "there is no escalation policy `webb`");
    let sound = run(mistaken("", "").path(), &["check", "swan.yaml", "--json"]).json();
    assert_eq!((&sound["valid"], &sound["problems"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn a_server_does_not_start_with_a_configuration_that_is_wrong() {
    let directory = mistaken("escalation: web\n", "escalation: webb\n");
    let start = crate::swan::Start::new(directory.path()).with(&["--config", "swan.yaml"]);
    insta::assert_snapshot!(start.fails().seen(), @r"
    error: swan.yaml:4:5: there is no escalation policy `webb`
      hint: add it under `escalation`
    exit code 2
    ");
    assert!(!directory.path().join("data").exists(), "nothing was made before the configuration was read");
}
