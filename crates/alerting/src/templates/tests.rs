use super::*;

fn expand(text: &str, value: f64) -> String {
    let labels =
        Labels::new([("instance", "db.example:9100"), ("job", "Node"), ("empty", "")]).expect("well formed");
    match Template::parse(text) {
        Ok(template) => template.expand(&labels, value).into_owned(),
        Err(error) => format!("refused at {}: {error}", error.offset),
    }
}

#[test]
fn labels_and_values_stand_where_rules_put_them() {
    for (text, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("{{ $labels.job }} is at {{ $value }}", "Node is at 0.5"),
        ("{{ .Labels.job }}{{.Value}}", "Node0.5"),
        ("{{$labels.nosuch}}|{{ $externalLabels.x }}|{{ $externalURL }}", "||"),
        ("{{ $labels.job | toUpper }}", "NODE"),
        ("{{ $labels.job | toLower | title }}", "Node"),
        ("{{ index $labels \"instance\" }}", "db.example:9100"),
        ("{{ len $labels }} {{ len $labels.job }}", "2 4"),
        ("{{ $labels }}", "map[instance:db.example:9100 job:Node]"),
        ("{{ \"a\\\"b\" }}{{ `c\\d` }}{{ 3 }}{{ -1.5e3 }}{{ true }}", "a\"bc\\d3-1500true"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("a {{/* why */}} b {{- /* why */ -}} c", "a  bc"),
        ("{{ ($labels.job | toUpper) | printf \"%s-%s\" \"x\" }}", "x-NODE"),
    ] {
        assert_eq!(expand(text, 0.5), expected, "{text}");
    }
}

#[test]
fn conditions_choose_what_people_read() {
    let text = "{{ if gt $value 10.0 }}much{{ else if ge $value 1 }}some{{ else }}{{ if $labels.job }}little{{ end }}{{ end }}!";
    assert_eq!(expand(text, 11.0), "much!");
    assert_eq!(expand(text, 1.0), "some!");
    assert_eq!(expand(text, 0.0), "little!");
    for (text, expected) in [
        ("{{ if eq $labels.job \"Node\" \"x\" }}y{{ end }}", "y"),
        ("{{ if ne $labels.job \"Node\" }}y{{ end }}", ""),
        ("{{ if and $labels.job (not $labels.nosuch) }}y{{ end }}", "y"),
        ("{{ or $labels.nosuch \"default\" }}", "default"),
        ("{{ if match \"^db\" $labels.instance }}y{{ end }}", "y"),
        ("{{ if lt $value 0.1 }}y{{ else }}n{{ end }}", "n"),
        ("{{ if le \"a\" \"b\" }}y{{ end }}", "y"),
    ] {
        assert_eq!(expand(text, 0.5), expected, "{text}");
    }
}

#[test]
fn numbers_read_as_prometheus_writes_them() {
    let of = |function: &str, value: f64| expand(&format!("{{{{ $value | {function} }}}}"), value);
    for (function, value, expected) in [
        ("humanize", 0.0, "0"),
        ("humanize", 1.0, "1"),
        ("humanize", 1_234_567.0, "1.235M"),
        ("humanize", 0.12, "120m"),
        ("humanize", -999.99, "-1000"),
        ("humanize", f64::INFINITY, "+Inf"),
        ("humanize1024", 1_048_576.0, "1Mi"),
        ("humanize1024", 0.12, "0.12"),
        ("humanizeDuration", 0.0, "0s"),
        ("humanizeDuration", 60.0, "1m 0s"),
        ("humanizeDuration", 899.99, "14m 59s"),
        ("humanizeDuration", 90_000.0, "1d 1h 0m 0s"),
        ("humanizeDuration", -183_845.0, "-2d 3h 4m 5s"),
        ("humanizeDuration", 0.0001, "100us"),
        ("humanizeDuration", 0.12345, "123.5ms"),
        ("humanizeDuration", 1.2345, "1.234s"),
        ("humanizeDuration", 12.345, "12.35s"),
        ("humanizeDuration", f64::NAN, "NaN"),
        ("humanizePercentage", -0.22222, "-22.22%"),
        ("humanizePercentage", 0.1234567, "12.35%"),
        ("humanizePercentage", 1.23456, "123.5%"),
        ("humanizeTimestamp", 1_435_065_584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ("humanizeTimestamp", 0.0, "1970-01-01 00:00:00 +0000 UTC"),
    ] {
        assert_eq!(of(function, value), expected, "{function} {value}");
    }
    assert_eq!(expand("{{ \"1234\" | humanize }}", 0.0), "1.234k");
    assert_eq!(expand("{{ parseDuration \"1h30m\" | humanizeDuration }}", 0.0), "1h 30m 0s");
}

#[test]
fn floats_read_as_go_prints_them() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (100_000.0, "100000"),
        (123_456.75, "123456.75"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e100, "1e+100"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ] {
        assert_eq!(go_float(value), expected);
    }
}

#[test]
fn printf_follows_its_verbs_and_shows_what_does_not_fit() {
    for (text, expected) in [
        ("{{ printf \"%.2f\" $value }}", "12.35"),
        ("{{ $value | printf \"%.0f\" }}%", "12%"),
        ("{{ printf \"%e %g %v\" $value $value $value }}", "1.234500e+01 12.345 12.345"),
        (
            "{{ printf \"%.3g|%8.1f|%-8.1f|%08.1f|%+.1f\" $value $value $value $value $value }}",
            "12.3|    12.3|12.3    |000012.3|+12.3",
        ),
        ("{{ printf \"%d%% %s %q %t\" 5 \"a\" \"b\\n\" true }}", "5% a \"b\\n\" true"),
        ("{{ printf \"%5d|%-5s|%.2s\" 7 \"ab\" \"abc\" }}", "    7|ab   |ab"),
        ("{{ printf \"%d\" $value }}", "%!d(float64=12.345)"),
        ("{{ printf \"%s\" $value }}", "%!s(float64=12.345)"),
        ("{{ printf \"%s\" }}", "%!s(MISSING)"),
        ("{{ printf \"x\" 1 \"y\" }}", "x%!(EXTRA int=1, string=y)"),
        ("{{ print 1 2 \"a\" 3 }}", "1 2a3"),
    ] {
        assert_eq!(expand(text, 12.345), expected, "{text}");
    }
}

#[test]
fn hosts_lose_their_ports_and_domains() {
    for (text, expected) in [
        ("{{ $labels.instance | stripPort }}", "db.example"),
        ("{{ $labels.instance | stripDomain }}", "db:9100"),
        ("{{ stripPort \"[::1]:80\" }} {{ stripPort \"::1\" }} {{ stripPort \"plain\" }}", "::1 ::1 plain"),
        ("{{ stripDomain \"10.0.0.1:80\" }} {{ stripDomain \"a.b.c\" }}", "10.0.0.1:80 a"),
        ("{{ reReplaceAll \"(.*)\\\\.example:.*\" \"$1\" $labels.instance }}", "db"),
        ("{{ reReplaceAll `^(d)b` \"${1}x\" $labels.instance }}", "dx.example:9100"),
        ("{{ title \"aa bb_cc DD\" }}", "Aa Bb_cc DD"),
    ] {
        assert_eq!(expand(text, 0.0), expected, "{text}");
    }
}

#[test]
fn what_is_not_supported_is_refused_with_its_place() {
    for (text, expected) in [
        ("ab {{ query \"up\" }}", "refused at 6: not supported yet: `query`"),
        ("{{ range query \"up\" }}x{{ end }}", "refused at 3: not supported yet: `range`"),
        ("{{ with $labels.x }}x{{ end }}", "refused at 3: not supported yet: `with`"),
        ("{{ $x := 1 }}", "refused at 6: not supported yet: a variable of one's own"),
        ("{{ $labels.x := 1 }}", "refused at 13: not supported yet: a variable of one's own"),
        ("{{ . }}", "refused at 3: not supported yet: `.` alone"),
        ("{{ .Foo }}", "refused at 3: there is no field `.Foo`"),
        ("{{ $label.x }}", "refused at 3: there is no variable `$label`"),
        ("{{ shout $value }}", "refused at 3: there is no function `shout`"),
        ("{{ $value | humanise }}", "refused at 12: there is no function `humanise`"),
        ("x {{ $value", "refused at 2: `{{` has no `}}`"),
        ("{{ if $value }}x", "refused at 0: `if` has no `{{ end }}`"),
        ("x{{ end }}", "refused at 1: `end` without an `if`"),
        ("{{ if true }}{{ else }}{{ else }}{{ end }}", "refused at 23: `else` after the last `else`"),
        ("{{ }}", "refused at 0: a value is missing"),
        ("{{ $value | }}", "refused at 0: a value is missing"),
        ("{{ ($value }}", "refused at 3: `(` has no `)`"),
        ("{{ $value) }}", "refused at 9: `)` without `(`"),
        ("{{ $value $value }}", "refused at 3: a value takes no arguments"),
        ("{{ \"a }}", "refused at 3: a text has no closing `\"`"),
        ("{{ humanize }}", "refused at 3: `humanize` takes 1 arguments, and 0 are given"),
        ("{{ match \"(\" \"x\" }}", "refused at 3: `(` is not a regular expression"),
        ("{{ printf \"%x\" 3 }}", "refused at 3: not supported yet: printf's `%x`"),
        ("{{/* open", "refused at 2: a comment has no end"),
        ("{{ 0x1f }}", "refused at 3: `0x1f` is not a number"),
    ] {
        assert_eq!(expand(text, 0.0), expected, "{text}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
    assert_eq!(check(&deep).map_err(|error| error.message), Err("nested deeper than 32".to_owned()));
    let hint = check("{{ shout 1 }}").expect_err("no such function").hint.expect("a hint");
    assert!(hint.starts_with("there are and, eq, ge"), "{hint}");
}

#[test]
fn an_error_while_expanding_becomes_the_text() {
    assert_eq!(
        expand("{{ gt $value \"a\" }}", 1.0),
        "<error expanding template: gt: a float64 and a string do not compare>"
    );
    assert_eq!(
        expand("{{ toUpper $value }}", 1.0),
        "<error expanding template: toUpper: wrong type: expected string, found float64>"
    );
    assert_eq!(
        expand("{{ humanize $labels.job }}", 1.0),
        "<error expanding template: humanize: `Node` is not a number>"
    );
}
