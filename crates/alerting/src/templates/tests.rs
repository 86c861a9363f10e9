use std::sync::Arc;

use super::*;

/// Answers `up` and `hist` with elements, `none` with none, and nothing else.
fn answer(query: &str) -> Answer {
    let sample = |text: &str, value| {
        let pairs = text.split(' ').map(|pair| pair.split_once('=').expect("a pair"));
        Sample { labels: Labels::new(pairs).expect("well formed"), value }
    };
    match query {
        "up" => Ok(Arc::new(vec![
            sample("__name__=up instance=b __value__=B", SampleValue::Float(2.0)),
            sample("__name__=up instance=a", SampleValue::Float(1.5)),
        ])),
        "hist" => Ok(Arc::new(vec![sample("a=b", SampleValue::Histogram("{count:2, sum:3}".into()))])),
        "none" => Ok(Arc::default()),
        _ => Err(format!("`{query}` is not PromQL")),
    }
}

fn expand(text: &str, value: f64) -> String {
    let labels =
        Labels::new([("instance", "db.example:9100"), ("job", "Node"), ("empty", "")]).expect("well formed");
    let outside = Outside {
        labels: Labels::new([("region", "eu")]).expect("well formed"),
        url: "https://swan.example/at/home?x=1".to_owned(),
        answers: Answers::default(),
    };
    let at = Timestamp::from_millis(1_435_065_584_128);
    let scene = Scene { labels: &labels, value, at, outside: &outside, ask: &answer };
    match Template::parse(text) {
        Ok(template) => template.expand(&scene).into_owned(),
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
        ("{{$labels.nosuch}}|{{ $externalLabels.x }}|{{ $externalLabels.region }}", "||eu"),
        (
            "{{ $externalURL }} {{ .ExternalURL }}",
            "https://swan.example/at/home?x=1 https://swan.example/at/home?x=1",
        ),
        ("{{ $.Labels.job }}{{ .ExternalLabels.region }}", "Nodeeu"),
        (
            "{{ . }}",
            "{map[instance:db.example:9100 job:Node] map[region:eu] https://swan.example/at/home?x=1 0.5}",
        ),
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
        (
            "{{ printf \"%x %X %#x %o %b %c %U %q\" 255 255 255 8 5 65 65 65 }}",
            "ff FF 0xff 10 101 A U+0041 'A'",
        ),
        ("{{ printf \"%x %G %T %T\" \"ab\" 1e20 1 $labels }}", "6162 1E+20 int map[string]string"),
        ("{{ printf \"%[2]s %[1]s\" \"a\" \"b\" }}{{ printf \"%[3]s\" \"a\" }}", "b a%!s(BADINDEX)"),
        ("{{ printf \"%v %s\" $labels nil }}", "map[instance:db.example:9100 job:Node] %!s(<nil>)"),
        ("{{ printf \"%z\" 1 }}", "%!z(int=1)"),
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
        ("{{ tmpl \"a\" . }}", "refused at 3: there is no function `tmpl`"),
        ("{{ $labels.x := 1 }}", "refused at 3: only a variable like `$x` takes a value"),
        ("{{ $x = 1 }}", "refused at 3: there is no variable `$x`"),
        ("{{ $x, $y := 1 }}", "refused at 7: only `range` gives two values"),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "refused at 38: there is no variable `$x`"),
        ("{{ define \"a\" }}{{ $value }}{{ end }}", "refused at 19: there is no variable `$value`"),
        (
            "{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}",
            "refused at 26: the template `a` is defined twice",
        ),
        (
            "{{ if true }}{{ define \"a\" }}1{{ end }}{{ end }}",
            "refused at 13: `define` stands inside of nothing else",
        ),
        ("{{ break }}", "refused at 0: `break` outside of a `range`"),
        (
            "{{ range . }}{{ define \"a\" }}{{ break }}{{ end }}{{ end }}",
            "refused at 13: `define` stands inside of nothing else",
        ),
        ("{{ if 1 }}{{ else with 2 }}{{ end }}", "refused at 10: nothing may stand after `else` here"),
        (
            "{{ range query \"up\" }}{{ else }}{{ else }}{{ end }}",
            "refused at 32: `range` has no `else` here",
        ),
        ("{{ template x }}", "refused at 0: `template` needs a name in quotes"),
        ("{{ nil }}", "refused at 3: `nil` alone is no value"),
        ("{{ now.Year }}", "refused at 6: `now` has no fields"),
        ("{{ 'ab' }}", "refused at 3: a character constant is one character in single quotes"),
        ("{{ \"\\z\" }}", "refused at 4: there is no such escape"),
        ("{{ range $value }}x", "refused at 0: `range` has no `{{ end }}`"),
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
        ("{{ printf \"%*d\" 3 4 }}", "refused at 3: not supported yet: printf's `*`"),
        ("{{/* open", "refused at 2: a comment has no end"),
        ("{{ 0x1g }}", "refused at 3: `0x1g` is not a number"),
    ] {
        assert_eq!(expand(text, 0.0), expected, "{text}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
    assert_eq!(check(&deep).map_err(|error| error.message), Err("nested deeper than 32".to_owned()));
    let hint = check("{{ shout 1 }}").expect_err("no such function").hint.expect("a hint");
    assert!(hint.starts_with("there are and, args, call"), "{hint}");
}

#[test]
fn queries_are_answered_and_their_elements_gone_through() {
    for (text, expected) in [
        ("{{ query \"up\" | first | value }}", "2"),
        ("{{ with query \"up\" }}{{ . | first | label \"instance\" }}{{ end }}", "b"),
        ("{{ (query \"up\" | first).Labels.instance }}{{ (index (query \"up\") 1).Value }}", "b1.5"),
        ("{{ range query \"up\" }}{{ .Labels.instance }}={{ .Value }};{{ end }}", "b=2;a=1.5;"),
        ("{{ range query \"up\" | sortByLabel \"instance\" }}{{ label \"instance\" . }}{{ end }}", "ab"),
        ("{{ range $i, $e := query \"up\" }}{{ $i }}{{ $e.Value }} {{ end }}", "02 11.5 "),
        ("{{ range query \"none\" }}x{{ else }}nothing{{ end }}", "nothing"),
        ("{{ with query \"none\" }}x{{ else with query \"up\" }}{{ len . }}{{ else }}y{{ end }}", "2"),
        ("{{ query \"up\" | first | strvalue }}", "B"),
        ("{{ query \"hist\" | first | value }}", "{count:2, sum:3}"),
        ("{{ slice (query \"up\") 1 | len }}", "1"),
        ("{{ printf \"up\" | query | len }}", "2"),
        (
            "{{ query \"none\" | first }}",
            "<error expanding template: first: called on a vector without elements>",
        ),
        ("{{ query \"up(\" }}", "<error expanding template: query: `up(` is not PromQL>"),
        (
            "{{ $labels | first }}",
            "<error expanding template: first: wrong type: expected the result of a query, found map[string]string>",
        ),
    ] {
        assert_eq!(expand(text, 0.5), expected, "{text}");
    }
    let asks = |text: &str| Template::parse(text).expect("it is a template").asks();
    assert!(
        asks("{{ if $value }}{{ (query \"up\" | first).Value }}{{ end }}") && !asks("{{ \"query\" }} query")
    );
}

#[test]
fn variables_ranges_and_templates_are_those_of_go() {
    for (text, expected) in [
        ("{{ $x := 1 }}{{ $x }}{{ $x = \"a\" }}{{ $x }}", "1a"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}", "32"),
        ("{{ if $x := $labels.job }}{{ $x }}{{ end }}", "Node"),
        ("{{ with $x := $labels.job }}{{ . }}{{ $x }}{{ $.Value }}{{ else }}n{{ end }}", "NodeNode0.5"),
        ("{{ with $labels.nosuch }}x{{ end }}", ""),
        ("{{ range $k, $v := $labels }}{{ $k }}={{ $v }} {{ end }}", "instance=db.example:9100 job=Node "),
        ("{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}", "01201"),
        (
            "{{ range 9 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if gt . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "023",
        ),
        (
            "{{ define \"a\" }}[{{ . }}]{{ end }}{{ template \"a\" $labels.job }}{{ template \"a\" }}",
            "[Node][<no value>]",
        ),
        (
            "{{ define \"a\" }}{{ if . }}{{ len . }}{{ template \"a\" slice . 1 }}{{ end }}{{ end }}{{ template \"a\" \"abc\" }}",
            "321",
        ),
        ("{{ block \"a\" $value }}<{{ . }}>{{ end }}{{ template \"a\" 7 }}", "<0.5><7>"),
        (
            "{{ define \"a\" }}{{ .arg0 }}-{{ .arg1.job }}{{ .arg2 }}{{ end }}{{ template \"a\" (args 1 $labels) }}",
            "1-Node<no value>",
        ),
        ("{{ args 1 \"b\" }}", "map[arg0:1 arg1:b]"),
        ("{{ index (args (args 1 2)) \"arg0\" \"arg1\" }}", "2"),
        ("{{ and 1 0 (index $labels 3) }}{{ or 0 \"x\" (index $labels 3) }}", "0x"),
        ("{{ 5 | and 1 }}{{ 5 | or 0 }}{{ not 0 }}", "55true"),
        ("{{ eq 'a' 0x61 }}{{ 0b11 }}{{ 0o17 }}{{ 1_000 }}", "true3151000"),
        ("{{ \"\\u00e9\\x41\\t\" }}|{{ `\\d` }}", "éA\t|\\d"),
        ("{{ eq nil nil }}{{ ne 1 nil }}", "truetrue"),
        ("{{ template \"b\" }}", "<error expanding template: there is no template `b`>"),
        ("{{ with 1 }}{{ .Foo }}{{ end }}", "<error expanding template: a int has no `.Foo`>"),
        ("{{ range $value }}{{ end }}", "<error expanding template: range cannot go over a float64>"),
    ] {
        assert_eq!(expand(text, 0.5), expected, "{text}");
    }
}

#[test]
fn links_escapes_and_times_are_those_of_prometheus() {
    for (text, expected) in [
        ("{{ externalURL }} {{ pathPrefix }}", "https://swan.example/at/home?x=1 /at/home"),
        ("{{ graphLink \"up == 1\" }}", "/graph?g0.expr=up+%3D%3D+1&g0.tab=0"),
        ("{{ \"sum(a/b)\" | tableLink }}", "/graph?g0.expr=sum%28a%2Fb%29&g0.tab=1"),
        ("{{ urlQueryEscape \"a b&é\" }} {{ urlquery \"a\" 1 2 }}", "a+b%26%C3%A9 a1+2"),
        ("{{ html \"<a href='x'>&\" }}{{ safeHtml \"<b>\" }}", "&lt;a href=&#39;x&#39;&gt;&amp;<b>"),
        ("{{ js \"'a'<b=\\n\" }}", "\\'a\\'\\u003Cb\\u003D\\u000A"),
        ("{{ now }} {{ humanizeTimestamp now }}", "1.435065584128e+09 2015-06-23 13:19:44.128 +0000 UTC"),
        (
            "{{ (toTime now).Year }}-{{ (now | toTime).Format \"Mon Jan _2 15:04:05.000 MST 2006\" }}",
            "2015-Tue Jun 23 13:19:44.128 UTC 2015",
        ),
        (
            "{{ $t := 0 | toTime }}{{ $t }} {{ $t.Weekday }} {{ $t.YearDay }} {{ $t.Month }} {{ $t.Unix }}",
            "1970-01-01 00:00:00 +0000 UTC Thursday 1 January 0",
        ),
        (
            "{{ (toTime now).Format \"02/01/06 03:04PM 2006-01-02T15:04:05Z07:00 .999\" }}",
            "23/06/15 01:19PM 2015-06-23T13:19:44Z .128",
        ),
        (
            "{{ toDuration 4530.5 }} {{ toDuration 0.0015 }} {{ (toDuration \"90\").Minutes }} {{ toDuration 0 }}",
            "1h15m30.5s 1.5ms 1.5 0s",
        ),
        ("{{ toDuration 90 | humanizeDuration }}", "1m 30s"),
        ("{{ toTime \"x\" }}", "<error expanding template: toTime: `x` is not a number>"),
        ("{{ println 1 2 }}", "1 2\n"),
    ] {
        assert_eq!(expand(text, 0.5), expected, "{text}");
    }
}

#[test]
fn an_expansion_ends() {
    let doubling = "{{ $x := \"0123456789\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}{{ $x }}";
    let endless = "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}";
    let deep = "{{ $x := 1 }}{{ range 1000 }}{{ $x = args $x }}{{ end }}{{ $x }}";
    let wide = "{{ $x := 1 }}{{ range 30 }}{{ $x = args $x $x }}{{ end }}{{ $x }}";
    for (text, expected) in [
        ("{{ range 1000000 }}{{ end }}", "it takes more than 100000 steps"),
        ("{{ range 10000 }}0123456789{{ end }}", "the text is longer than 65536 bytes"),
        (doubling, "print: the text is longer than 65536 bytes"),
        (endless, "nested deeper than 128"),
        (deep, "args: nested deeper than 32"),
        (wide, "the text is longer than 65536 bytes"),
        ("{{ range 33 }}{{ $x := query \"up\" }}{{ end }}", "query: more than 32 queries"),
    ] {
        assert_eq!(expand(text, 0.5), format!("<error expanding template: {expected}>"), "{text}");
    }
}

#[test]
fn answers_are_remembered_and_bounded() {
    let mut answers = Answers::default();
    assert!(answers.is_empty());
    assert_eq!(answers.find("a", || Err("no".to_owned())), Err("no".to_owned()));
    assert_eq!(answers.find("a", || unreachable!("it was asked before")), Err("no".to_owned()));
    assert_eq!(answers.get("b"), Err("nobody answered `b`".to_owned()));
    let one = || Sample { labels: Labels::default(), value: SampleValue::Float(1.0) };
    let many = answers.find("many", || Ok(vec![one(); 10_001]));
    assert_eq!(many, Err("`many` gives 10001 elements, more than 10000".to_owned()));
    (0..2_000).for_each(|number| _ = answers.find(&number.to_string(), || Ok(vec![one()])));
    assert_eq!(answers.get("1997").map(|found| found.len()), Ok(1));
    assert!(answers.find("1998", || Ok(vec![one()])).is_err());
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
