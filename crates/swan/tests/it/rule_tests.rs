//! `swan test rules`: promtool's test files have promtool's results, and what fails says where and why.

use std::path::Path;
use std::process::Command;

use crate::prometheus::is_installed;
use crate::swan::{Ran, run, skipped};

const RULES: &str = r#"
groups:
  - name: shop
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - alert: Errors
        expr: job:errors:rate5m > 0.05
        for: 2m
        labels: { severity: critical, code: 500 }
        annotations:
          summary: "{{ $labels.job }} fails at {{ $value | printf \"%.2f\" }}/s in {{ $externalLabels.region }}"
          empty: ""
      - alert: Down
        expr: up == 0
        keep_firing_for: 3m
        annotations: { summary: "{{ $labels.instance }} is down, see {{ $externalURL }}/alerts" }
      - alert: Gone
        expr: absent(up{job="shop"})
  - name: later
    rules:
      - record: down:count
        expr: count(ALERTS{alertname="Down", alertstate="firing"}) or vector(0)
      - alert: Limited
        expr: up == 0
        labels: { instance: "{{ $labels.instance }}!", job: "" }
"#;

/// A test file over [`RULES`].
fn over_rules(tests: &str) -> String {
    format!("rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n{tests}")
}

/// One test group whose series are `up` and `errors_total`, and these expectations.
fn expecting(expectations: &str) -> String {
    over_rules(&format!(
        "  - interval: 1m
    name: a bad day
    external_labels: {{ region: eu }}
    external_url: http://prometheus.example
    input_series:
      - series: 'up{{job=\"shop\", instance=\"a\"}}'
        values: '1x3 0x2 1 _ _ 1x20'
      - series: 'up{{job=\"shop\", instance=\"b\"}}'
        values: '1 1 stale 1+0x30'
      - series: errors_total{{job=\"shop\"}}
        values: 0+12x10 120x10 0+6x20
      - series: 'value'
        values: '-2+4x3 1-2x4 _x3 1.5e1 NaN Inf -Inf 0x2'
{expectations}"
    ))
}

fn alert(at: &str, name: &str, alerts: &str) -> String {
    expecting(&format!(
        "    alert_rule_test:\n      - eval_time: {at}\n        alertname: {name}\n        exp_alerts: {alerts}\n"
    ))
}

fn expression(at: &str, expr: &str, samples: &str) -> String {
    expecting(&format!(
        "    promql_expr_test:\n      - expr: '{expr}'\n        eval_time: {at}\n        exp_samples: {samples}\n"
    ))
}

const ERRORS: &str = "[{ exp_labels: { job: shop, severity: critical, code: '500' }, exp_annotations: { summary: \
                      'shop fails at 0.20/s in eu', empty: '' } }]";
const DOWN: &str = "[{ exp_labels: { job: shop, instance: a }, exp_annotations: { summary: 'a is down, see \
                    http://prometheus.example/alerts' } }]";

/// What a file is about, its text, and whether it passes.
fn files() -> Vec<(&'static str, String, bool)> {
    vec![
        ("a rule fires once `for` has passed", alert("6m", "Errors", ERRORS), true),
        ("it does not fire before", alert("1m", "Errors", "[]"), true),
        ("an alert that is expected too early", alert("1m", "Errors", ERRORS), false),
        ("an alert that nobody expects", alert("6m", "Errors", "[]"), false),
        ("an annotation that differs", alert("6m", "Errors", &ERRORS.replace("0.20", "0.21")), false),
        ("an annotation that is missing", alert("6m", "Errors", &ERRORS.replace(", empty: ''", "")), false),
        ("a label that is too much", alert("6m", "Errors", &ERRORS.replace("job: shop", "job: shop, x: y")), false),
        ("an alert that fires between two evaluations", alert("4m30s", "Down", DOWN), true),
        ("an alert that is kept firing", alert("8m", "Down", DOWN), true),
        ("an alert that was kept firing for long enough", alert("10m", "Down", "[]"), true),
        ("an alert of no rule", alert("4m", "Nothing", "[]"), true),
        ("an alert of no rule that is expected", alert("4m", "Nothing", DOWN), false),
        ("labels of a rule replace those of the sample", alert("4m", "Limited", "[{ exp_labels: { instance: a! } }]"), true),
        ("an absent series", alert("0", "Gone", "[]"), true),
        ("a test without a name of an alert", alert("4m", "''", "[]"), false),
        ("a recorded series", expression("6m", "job:errors:rate5m", "[{ labels: 'job:errors:rate5m{job=\"shop\"}', value: 0.2 }]"), true),
        ("a recorded series with another value", expression("6m", "job:errors:rate5m", "[{ labels: 'job:errors:rate5m{job=\"shop\"}', value: 0.3 }]"), false),
        ("a scalar", expression("5m", "1 + 1", "[{ labels: '{}', value: 2 }]"), true),
        ("a scalar without labels", expression("90s", "time()", "[{ value: 90 }]"), true),
        ("what has lost its labels", expression("6m", "sum(up)", "[{ value: 1 }]"), true),
        ("what has not lost them", expression("6m", "sum by (job) (up)", "[{ value: 1 }]"), false),
        ("a series without a name", over_rules("  - input_series: [{ series: '', values: '1' }]\n"), false),
        ("two centuries, seldom evaluated", later("[rules.yaml]", "100d", "106000d", 9_158_400_000), true),
        ("time", expression("90s", "time()", "[{ labels: '{}', value: 90 }]"), true),
        ("nothing", expression("5m", "nothing", "[]"), true),
        ("nothing where something is expected", expression("5m", "nothing", "[{ labels: '{}', value: 1 }]"), false),
        ("ALERTS while pending", expression("3m", "ALERTS{alertname=\"Errors\"}", "[{ labels: 'ALERTS{alertname=\"Errors\", alertstate=\"pending\", code=\"500\", job=\"shop\", severity=\"critical\"}', value: 1 }]"), true),
        ("ALERTS while firing", expression("4m", "ALERTS{alertname=\"Down\"}", "[{ labels: 'ALERTS{alertname=\"Down\", alertstate=\"firing\", instance=\"a\", job=\"shop\"}', value: 1 }]"), true),
        ("ALERTS when it is over", expression("12m", "ALERTS{alertname=\"Down\"}", "[]"), true),
        ("ALERTS_FOR_STATE", expression("5m", "ALERTS_FOR_STATE{alertname=\"Down\"}", "[{ labels: 'ALERTS_FOR_STATE{alertname=\"Down\", instance=\"a\", job=\"shop\"}', value: 240 }]"), true),
        ("what a later group records of it", expression("5m", "down:count", "[{ labels: 'down:count', value: 1 }]"), true),
        ("values that rise", expression("2m", "value", "[{ labels: value, value: 6 }]"), true),
        ("values that fall", expression("6m", "value", "[{ labels: value, value: -3 }]"), true),
        ("values that are missing are looked back for", expression("11m", "value", "[{ labels: value, value: -7 }]"), true),
        ("a value with an exponent", expression("12m", "value", "[{ labels: value, value: 15 }]"), true),
        ("NaN equals nothing", expression("13m", "value", "[{ labels: value, value: .nan }]"), false),
        ("infinity", expression("15m", "value", "[{ labels: value, value: -.inf }]"), true),
        ("zero, again and again", expression("17m", "value", "[{ labels: value, value: 0 }]"), true),
        ("a series that ends", expression("2m", "up{instance=\"b\"}", "[]"), true),
        ("two series in any order", expression("10m", "up", "[{ labels: 'up{job=\"shop\",instance=\"b\"}', value: 1 }, { labels: 'up{instance=\"a\", job=\"shop\"}', value: 1 }]"), true),
        ("the last samples that an evaluation saw", expression("4m30s", "up{instance=\"a\"}", "[{ labels: 'up{instance=\"a\", job=\"shop\"}', value: 0 }]"), true),
        ("a subquery", expression("9m", "max_over_time(sum(up == 0)[5m:])", "[{ labels: '{}', value: 0 }]"), true),
        ("an expression that does not parse", expression("5m", "sum(", "[]"), false),
        ("labels that do not parse", expression("5m", "up", "[{ labels: 'up{', value: 1 }]"), false),
        ("a text is no result", expression("5m", "\"a\"", "[]"), false),
        ("an unknown key", over_rules("  - interval: 1m\n    inputs: []\n"), false),
        ("a series that does not parse", over_rules("  - interval: 1m\n    input_series: [{ series: 'up{job=}', values: '1' }]\n"), false),
        ("values that do not parse", over_rules("  - interval: 1m\n    input_series: [{ series: 'up', values: '1 x 2' }]\n"), false),
        ("values that end in the middle", over_rules("  - interval: 1m\n    input_series: [{ series: 'up', values: '1+1' }]\n"), false),
        ("a duration that is none", over_rules("  - interval: soon\n"), false),
        ("an order that names a group twice", format!("group_eval_order: [shop, shop]\n{}", alert("1m", "Errors", "[]")), false),
        ("an order of groups", format!("group_eval_order: [shop, later]\n{}", expression("4m", "down:count", "[{ labels: 'down:count', value: 1 }]")), true),
        ("another order of groups", format!("group_eval_order: [later, shop]\n{}", expression("4m", "down:count", "[{ labels: 'down:count', value: 0 }]")), true),
        ("no rule file at all", "tests: [{ interval: 1m, promql_expr_test: [{ expr: '1', eval_time: 0s, exp_samples: [{ labels: '{}', value: 1 }] }] }]".to_owned(), true),
        ("a rule file that is not there", "rule_files: [nothing.yaml]\ntests: []\n".to_owned(), true),
        ("rule files by a pattern", over_rules("  - interval: 1m\n").replace("rules.yaml", "'rul*.yaml'"), true),
        ("a rule file that is wrong", over_rules("  - interval: 1m\n").replace("rules.yaml", "wrong.yaml"), false),
        ("a recording rule with annotations", over_rules("  - interval: 1m\n").replace("rules.yaml", "annotated.yaml"), false),
        ("two values of one series", format!("rule_files: [twice.yaml]\n{NOTHING_BUT_TIME}"), false),
        ("one value of one series, twice", format!("rule_files: [again.yaml]\n{NOTHING_BUT_TIME}"), true),
        ("a label that is empty shows its template in ALERTS", over("odd.yaml", "ALERTS", "[{ labels: 'ALERTS{alertname=\"Odd\", alertstate=\"firing\", part=\"{{ $labels.none }}\"}', value: 1 }]"), true),
        ("elements that become the same", same_labels("up == 0", "[]"), false),
        ("elements that would become the same", same_labels("up == 7", "[{ exp_labels: { instance: x } }]"), true),
    ]
}

/// A test of the time at a late time.
fn later(rule_files: &str, interval: &str, at: &str, value: i64) -> String {
    format!(
        "rule_files: {rule_files}\nevaluation_interval: {interval}\ntests:\n  - interval: 1m\n    \
         input_series: [{{ series: tick, values: '1' }}]\n    promql_expr_test: [{{ expr: time(), eval_time: {at}, \
         exp_samples: [{{ value: {value} }}] }}]\n"
    )
}

/// A test that only evaluates the rules.
const NOTHING_BUT_TIME: &str =
    "tests: [{ interval: 1m, alert_rule_test: [{ eval_time: 2m, alertname: None, exp_alerts: [] }] }]\n";

/// A test of one expression over a rule file and nothing else.
fn over(file: &str, expr: &str, samples: &str) -> String {
    format!(
        "rule_files: [{file}]\ntests:\n  - interval: 1m\n    promql_expr_test: [{{ expr: {expr}, eval_time: 1m, \
         exp_samples: {samples} }}]\n"
    )
}

/// A rule that gives all its alerts the same labels.
fn same_labels(expr: &str, alerts: &str) -> String {
    format!(
        "rule_files: [same.yaml]\ntests:\n  - interval: 1m\n    input_series: [{{ series: 'up{{instance=\"a\"}}', \
         values: '0x5' }}, {{ series: 'up{{instance=\"b\"}}', values: '{}' }}]\n    alert_rule_test: [{{ eval_time: \
         1m, alertname: Same, exp_alerts: {alerts} }}]\n",
        if expr.ends_with('0') { "0x5" } else { "7x5" }
    )
}

fn write_all(directory: &Path) {
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("rules.yaml", RULES);
    write("wrong.yaml", "groups: [{ name: g, rules: [{ alert: A, expr: 'sum(' }] }]\n");
    write(
        "annotated.yaml",
        "groups: [{ name: g, rules: [{ record: a, expr: '1', annotations: { b: c } }] }]\n",
    );
    write(
        "same.yaml",
        "groups: [{ name: g, rules: [{ alert: Same, expr: 'up == 0', labels: { instance: x } }] }]\n",
    );
    let twice = |second: &str| {
        format!(
            "groups: [{{ name: g, rules: [{{ record: a, expr: '1' }}, {{ record: a, expr: '{second}' }}] }}]\n"
        )
    };
    write("twice.yaml", &twice("2"));
    write("again.yaml", &twice("1"));
    write(
        "odd.yaml",
        "groups: [{ name: g, rules: [{ alert: Odd, expr: '1', labels: { part: '{{ $labels.none }}' } }] }]\n",
    );
    for (number, (_, text, _)) in files().iter().enumerate() {
        write(&format!("test{number}.yaml"), text);
    }
}

#[test]
fn files_pass_and_fail_as_they_should() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    for (number, (about, _, passes)) in files().iter().enumerate() {
        let ran = run(directory.path(), &["test", "rules", &format!("test{number}.yaml")]);
        assert_eq!(ran.code == Some(0), *passes, "{about}: {}", ran.seen());
    }
}

#[test]
fn promtool_agrees_on_every_file() {
    if !is_installed("promtool", "prometheus") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    for (number, (about, text, passes)) in files().iter().enumerate() {
        let file = format!("test{number}.yaml");
        let output =
            Command::new("promtool").args(["test", "rules", &file]).current_dir(directory.path()).output();
        let ran = Ran::of(output.unwrap());
        assert_eq!(ran.code == Some(0), *passes, "{about}: promtool says {}\n{text}", ran.seen());
    }
}

/// Templates over `{job="a b", instance="h.example:80"}` with the value 1.5, and what they give at 1m.
const TEMPLATES: [(&str, &str); 34] = [
    ("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "1.5"),
    ("{{ range query \"sort_desc(many)\" }}{{ .Labels.n }}={{ .Value }} {{ end }}", "b=4 a=3 "),
    ("{{ range $i, $e := query \"many\" | sortByLabel \"n\" }}{{ $i }}{{ $e.Labels.n }}{{ end }}", "0a1b"),
    ("{{ printf \"many{n=%q}\" \"b\" | query | first | value }}", "4"),
    ("{{ query \"many\" | sortByLabel \"n\" | first | label \"n\" }}", "a"),
    ("{{ (index (query \"sort(many)\") 1).Value | humanize }}", "4"),
    ("{{ if query \"nothing\" }}some{{ else }}none{{ end }}", "none"),
    ("{{ range query \"nothing\" }}x{{ else }}none{{ end }}", "none"),
    ("{{ query \"1 + time()\" | first | value }}", "61"),
    ("{{ len (query \"many\") }}{{ query \"many > 3\" | len }}", "21"),
    (
        "{{ $x := \"a\" }}{{ range $k, $v := $labels }}{{ $x = print $x $k }}{{ end }}{{ $x }}",
        "a__name__instancejob",
    ),
    (
        "{{ define \"t\" }}<{{ .arg0 }}{{ .arg1.job }}>{{ end }}{{ template \"t\" (args 1 $labels) }}",
        "<1a b>",
    ),
    ("{{ block \"t\" $value }}[{{ . }}]{{ end }}", "[1.5]"),
    ("{{ with $labels.nothing }}x{{ else }}y{{ end }}{{ with $labels.job }}{{ . }}{{ end }}", "ya b"),
    (
        "{{ range query \"many\" | sortByLabel \"n\" }}{{ if eq .Value 4.0 }}{{ break }}{{ end }}{{ .Value }}{{ end }}",
        "3",
    ),
    (
        "{{ $labels.job | urlquery }} {{ graphLink \"up > 1\" }} {{ tableLink \"a\" }}",
        "a+b /graph?g0.expr=up+%3E+1&g0.tab=0 /graph?g0.expr=a&g0.tab=1",
    ),
    ("{{ .ExternalURL }} {{ $externalURL }}", "http://p.example/x http://p.example/x"),
    ("{{ $externalLabels.region }}{{ .ExternalLabels.none }}{{ $.Labels.job }}", "eua b"),
    (
        "{{ safeHtml \"<b>\" }}{{ html \"<'&\\\"\" }}{{ js \"'<=\" }}",
        "<b>&lt;&#39;&amp;&#34;\\'\\u003C\\u003D",
    ),
    (
        "{{ (60 | toTime).Format \"2006-01-02T15:04:05Z07:00\" }} {{ toTime 60 }}",
        "1970-01-01T00:01:00Z 1970-01-01 00:01:00 +0000 UTC",
    ),
    (
        "{{ (toTime 1e9).Weekday }} {{ (toTime 1e9).YearDay }} {{ (toTime 1e9).Month }} {{ (toTime 1.5).Unix }}",
        "Sunday 252 September 1",
    ),
    (
        "{{ printf \"%x %X %#x %o %b %c %U %T\" 255 255 255 8 5 65 65 $value }}",
        "ff FF 0xff 10 101 A U+0041 float64",
    ),
    (
        "{{ printf \"%[2]v %[1]q\" \"a\" true }} {{ printf \"%5.1f|%-5s|%05d\" 2.25 \"b\" 42 }} {{ printf \"%d\" 1.5 }}",
        "true \"a\"   2.2|b    |00042 %!d(float64=1.5)",
    ),
    (
        "{{ printf \"%v %v\" $labels (args 1) }}{{ println 1 \"a\" }}",
        "map[__name__:up instance:h.example:80 job:a b] map[arg0:1]1 a\n",
    ),
    ("{{ slice \"hello\" 1 3 }}{{ index \"a\" 0 }}{{ len \"é\" }}", "el972"),
    ("{{ and 1 \"\" }}{{ or 0 \"x\" }}{{ not 1 }}{{ le 1 2 }}{{ ne \"a\" \"b\" }}", "xfalsetruetrue"),
    (
        "{{- /* nothing */ -}} {{ 'a' }} {{ 0x1F }} {{ 1_000 }} {{ \"\\u00e9\" }} {{ `\\d` -}} !",
        "97 31 1000 é \\d!",
    ),
    ("{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance | stripDomain | toUpper | title }}", "H"),
    (
        "{{ humanizeTimestamp 1435065584.128 }} {{ humanizeDuration 90061 }} {{ parseDuration \"1h\" }}",
        "2015-06-23 13:19:44.128 +0000 UTC 1d 1h 1m 1s 3600",
    ),
    ("{{ . }}", "{map[__name__:up instance:h.example:80 job:a b] map[region:eu] http://p.example/x 1.5}"),
    ("{{ query \"up\" | first }}", "{map[__name__:up instance:h.example:80 job:a b] 1.5}"),
    ("{{ args 1 \"b\" }} {{ (args 1).arg7 }}", "map[arg0:1 arg1:b] <no value>"),
    (
        "{{ $labels.nothing }}|{{ (query \"up\" | first).Labels.nothing }}|{{ strvalue (query \"up\" | first) }}",
        "||",
    ),
    ("{{ range 3 }}{{ . }}{{ end }}", "012"),
];

/// Rules and a test with an alert for each of [`TEMPLATES`].
fn write_templates(directory: &Path, templates: &[(&str, &str)]) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let (mut rules, mut cases) = (String::new(), String::new());
    for (number, (template, expected)) in templates.iter().enumerate() {
        rules += &format!(
            "      - {{ alert: A{number}, expr: up, annotations: {{ text: {} }} }}\n",
            quoted(template)
        );
        cases += &format!(
            "      - {{ eval_time: 1m, alertname: A{number}, exp_alerts: [{{ exp_labels: {{ job: a b, instance: \
             'h.example:80' }}, exp_annotations: {{ text: {} }} }}] }}\n",
            quoted(expected)
        );
    }
    let rules = format!("groups:\n  - name: g\n    rules:\n{rules}");
    let test = format!(
        "rule_files: [rules.yaml]\ntests:\n  - interval: 1m\n    external_labels: {{ region: eu }}\n    \
         external_url: http://p.example/x\n    input_series:\n      - {{ series: 'up{{job=\"a b\", \
         instance=\"h.example:80\"}}', values: '1.5x3' }}\n      - {{ series: 'many{{n=\"a\"}}', values: '3x3' }}\n      \
         - {{ series: 'many{{n=\"b\"}}', values: '4x3' }}\n    alert_rule_test:\n{cases}"
    );
    std::fs::write(directory.join("rules.yaml"), rules).unwrap();
    std::fs::write(directory.join("test.yaml"), test).unwrap();
}

#[test]
fn templates_give_what_promtool_gives() {
    let directory = tempfile::tempdir().unwrap();
    write_templates(directory.path(), &TEMPLATES);
    let ran = run(directory.path(), &["test", "rules", "test.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.seen());
    if !is_installed("promtool", "prometheus") {
        return;
    }
    // An older promtool does not go over numbers.
    write_templates(directory.path(), &TEMPLATES[..TEMPLATES.len() - 1]);
    let mut promtool = Command::new("promtool");
    let output = promtool.args(["test", "rules", "test.yaml"]).current_dir(directory.path()).output();
    let ran = Ran::of(output.unwrap());
    assert_eq!(ran.code, Some(0), "promtool says {}", ran.seen());
}

/// Prometheus's own test files, `cmd/promtool/testdata` of its repository, and whether promtool accepts them.
const OF_PROMTOOL: [(&str, bool); 15] = [
    ("unittest.yml", true),
    ("long-period.yml", true),
    ("start-time-test.yml", true),
    ("at-modifier-test.yml", true),
    ("negative-offset-test.yml", true),
    ("no-test-group-interval.yml", true),
    ("bad-input-series.yml", false),
    ("bad-promql.yml", false),
    ("bad-rules-syntax-test.yml", false),
    ("bad-rules-error-test.yml", false),
    ("failing.yml", false),
    ("rules_run.yml", false),
    ("rules_run_extrafields.yml", false),
    ("rules_run_fuzzy.yml", false),
    ("rules_run_no_fuzzy.yml", false),
];

/// `SWAN_PROMTOOLTEST=DIRECTORY` names them.
#[test]
fn promtools_own_files_pass_and_fail_as_with_promtool() {
    let Some(directory) = std::env::var_os("SWAN_PROMTOOLTEST") else {
        return skipped("`SWAN_PROMTOOLTEST` does not name a directory with promtool's test files");
    };
    for (file, passes) in OF_PROMTOOL {
        let ran = run(Path::new(&directory), &["test", "rules", file]);
        assert_eq!(ran.code == Some(0), passes, "{file}: {}", ran.seen());
    }
}

/// A test of `h`, one histogram each minute, three minutes after its start.
fn histogram(values: &str, expected: &str) -> String {
    format!(
        "tests:\n  - interval: 1m\n    input_series: [{{ series: h, values: '{values}' }}]\n    promql_expr_test: \
         [{{ expr: h, eval_time: 3m, exp_samples: [{{ labels: h, histogram: '{expected}' }}] }}]\n"
    )
}

#[test]
fn histograms_say_what_is_known_of_resets_when_they_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let first = "{{count:3 sum:4 buckets:[1 2]}}";
    let same = "{{count:3 sum:4 counter_reset_hint:not_reset buckets:[1 2]}}";
    let gauge = "{{count:3 sum:4 counter_reset_hint:gauge buckets:[1 2]}}";
    for (about, values, expected) in [
        ("the first", format!("_x3 {first}"), first),
        ("the same again", format!("{first}x3"), same),
        ("more of it", format!("{{{{count:2 sum:4 buckets:[1 1]}}}} _x2 {first}"), same),
        ("a bucket that is new", format!("{{{{count:2 sum:4 offset:1 buckets:[2]}}}}x2 {first}"), same),
        ("fewer in a bucket", format!("{{{{count:3 sum:4 buckets:[2 1]}}}}x2 {first}"), first),
        ("a bucket that is gone", format!("{{{{count:3 sum:4 buckets:[1 1 1]}}}}x2 {first}"), first),
        ("another schema", format!("{{{{schema:1 count:3 sum:4 buckets:[1 2]}}}}x2 {first}"), first),
        ("after a float", format!("{first}x1 7 {first}"), first),
        ("after its end", format!("{first}x1 stale {first}"), first),
        (
            "a reset that is written",
            format!("{first}x2 {{{{count:3 sum:4 counter_reset_hint:reset buckets:[1 2]}}}}"),
            first,
        ),
        ("a gauge", format!("{first}x2 {gauge}"), gauge),
        ("after a gauge", format!("{gauge}x2 {first}"), first),
    ] {
        std::fs::write(directory.path().join("test.yaml"), histogram(&values, expected)).unwrap();
        let ran = run(directory.path(), &["test", "rules", "test.yaml"]);
        assert_eq!(ran.code, Some(0), "{about}: {}", ran.seen());
    }
}

#[test]
fn a_test_may_be_as_late_as_durations_reach() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let ran = |text: &str| {
        std::fs::write(directory.path().join("test.yaml"), text).unwrap();
        run(directory.path(), &["test", "rules", "test.yaml"]).seen()
    };
    insta::assert_snapshot!(ran(&later("[]", "1ms", "365000d", 31_536_000_000)), @r"
    test.yaml: 1 passed, 0 failed
    exit code 0
    ");
    insta::assert_snapshot!(ran(&later("[rules.yaml]", "1ms", "300d", 25_920_000)), @r"
    test.yaml:4:5: FAILED: rules `evaluation_interval` at 0s
        a test has at most 10000000 evaluations
    test.yaml: 0 passed, 1 failed
    exit code 1
    ");
    let late = later("[]", "1m", "365000d", 1)
        .replace("- interval", "- start_timestamp: 9223372036854775\n    interval");
    insta::assert_snapshot!(ran(&late), @r"
    test.yaml:4:5: FAILED: rules `eval_time` at 0s
        365000d after its start is later than time is counted
    test.yaml: 0 passed, 1 failed
    exit code 1
    ");
}

#[test]
fn newer_keys_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let text = "fuzzy_compare: true
tests:
  - start_timestamp: 2026-07-01T00:00:00Z
    input_series: [{ series: a, values: '0.1 _ 0.3' }]
    promql_expr_test:
      - { expr: 'a + 0.2', eval_time: 0s, exp_samples: [{ labels: '{}', value: 0.3 }] }
      - { expr: 'timestamp(a)', eval_time: 2m, exp_samples: [{ labels: '{}', value: 1782864120 }] }
  - interval: 1m
    input_series: [{ series: h, values: '{{schema:0 count:3 sum:4 buckets:[1 2]}}+{{count:1 sum:1 buckets:[1]}}x2' }]
    promql_expr_test:
      - expr: h
        eval_time: 2m
        exp_samples: [{ labels: h, histogram: '{{count:5 sum:6 counter_reset_hint:not_reset buckets:[3 2]}}' }]
      - { expr: histogram_count(h), eval_time: 1m, exp_samples: [{ labels: '{}', value: 4 }] }
";
    std::fs::write(directory.path().join("test.yaml"), text).unwrap();
    insta::assert_snapshot!(run(directory.path(), &["test", "rules", "test.yaml"]).seen(), @r"
    test.yaml: 4 passed, 0 failed
    exit code 0
    ");
}

#[test]
fn what_fails_says_where_and_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let write = |text: &str| std::fs::write(directory.path().join("test.yaml"), text).unwrap();
    let ran = || run(directory.path(), &["test", "rules", "test.yaml"]).seen();
    write(&alert("6m", "Errors", &ERRORS.replace("0.20", "0.21")));
    insta::assert_snapshot!(ran(), @r#"
    test.yaml:18:9: FAILED: alert `Errors` at 6m (a bad day)
        - {code="500", job="shop", severity="critical"} [empty="", summary="shop fails at 0.21/s in eu"]
        + {code="500", job="shop", severity="critical"} [empty="", summary="shop fails at 0.20/s in eu"]
      hint: `-` is expected and not there, `+` is there and not expected
    test.yaml: 0 passed, 1 failed
    exit code 1
    "#);
    write(&expression(
        "10m",
        "up",
        "[{ labels: 'up{job=\"shop\",instance=\"b\"}', value: 1 }, { labels: up, value: 2 }]",
    ));
    insta::assert_snapshot!(ran(), @r#"
    test.yaml:18:9: FAILED: expression `up` at 10m (a bad day)
        - up 2
          up{instance="b", job="shop"} 1
        + up{instance="a", job="shop"} 1
      hint: `-` is expected and not there, `+` is there and not expected
    test.yaml: 0 passed, 1 failed
    exit code 1
    "#);
    write(&over_rules("  - interval: 1m\n    inputs: []\n"));
    insta::assert_snapshot!(ran(), @r#"
    error: test.yaml:5:5: unknown key `inputs`
      hint: known here: interval, input_series, name, alert_rule_test, promql_expr_test, external_labels, external_url, start_timestamp
    test.yaml: cannot be used
    exit code 2
    "#);
    write(&over_rules("  - interval: 1m\n").replace("rules.yaml", "wrong.yaml"));
    insta::assert_snapshot!(ran(), @r#"
    error: wrong.yaml:1:41: `sum(` is not a PromQL expression: unclosed `(` at column 4
    test.yaml: cannot be used
    exit code 2
    "#);
    write(&same_labels("up == 0", "[]"));
    insta::assert_snapshot!(ran(), @r#"
    test.yaml:3:5: FAILED: rules `Same` at 0s
        two elements have the same labels once the alert's labels are added
    test.yaml: 0 passed, 1 failed
    exit code 1
    "#);
    write(&over_rules(
        "  - interval: 1m\n    input_series:\n      - series: 'up'\n        values: '1 x 2'\n",
    ));
    insta::assert_snapshot!(ran(), @r#"
    test.yaml:6:9: FAILED: rules `up` at 0s
        `x` is no value like `1`, `1+2x3`, `_`, `stale` or `{{schema:0 …}}`
    test.yaml: 0 passed, 1 failed
    exit code 1
    "#);
}

#[test]
fn scripts_and_build_servers_read_the_results() {
    let directory = tempfile::tempdir().unwrap();
    write_all(directory.path());
    let at = |number: usize| format!("test{number}.yaml");
    let (good, bad) = (at(0), at(3));
    let ran = run(directory.path(), &["test", "rules", &good, &bad, "--json", "--junit", "out.xml"]);
    assert_eq!(ran.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["passed"], false);
    assert_eq!((&found["files"][0]["passed"], &found["files"][1]["passed"]), (&true.into(), &false.into()));
    let case = &found["files"][1]["cases"][0];
    assert_eq!(
        (&case["about"], &case["kind"], &case["at"]),
        (&"Errors".into(), &"alert".into(), &"6m".into())
    );
    assert_eq!((case["expected"].as_array().unwrap().len(), case["got"].as_array().unwrap().len()), (0, 1));
    assert!(case["place"].as_str().unwrap().starts_with("test3.yaml:"), "{case}");
    let xml = std::fs::read_to_string(directory.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"test3.yaml\" tests=\"1\" failures=\"1\" errors=\"0\">"), "{xml}");
    assert_eq!(run(directory.path(), &["test", "rules", "nothing.yaml"]).code, Some(2));
}
