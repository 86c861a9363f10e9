mod facts;

use proptest::prelude::*;

use super::*;

#[test]
fn each_expression_matches_what_it_matches_in_prometheus() {
    for &(expression, value, replaced) in facts::MATCHED {
        let pattern = Pattern::anchored(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
        let found = pattern.find(value).map(|found| found.filled("$1|$2"));
        assert_eq!(found.as_deref(), replaced, "{expression} in {value:?}");
        assert_eq!(pattern.is_match(value), replaced.is_some(), "{expression} in {value:?}");
        if let Some(literals) = literals(expression) {
            assert_eq!(literals.iter().any(|l| l == value), replaced.is_some(), "{expression} in {value:?}");
        }
    }
}

#[test]
fn what_prometheus_refuses_is_refused() {
    for &expression in facts::REFUSED {
        assert!(Pattern::anchored(expression).is_err(), "{expression}");
        assert!(literals(expression).is_none(), "{expression}");
    }
    // Only alone: with its anchors around it, Prometheus takes this for another expression.
    assert!(Pattern::anchored("a)(b").is_err());
}

#[test]
fn a_refusal_says_what_is_wrong_and_where() {
    for (expression, said) in [
        ("é**", "what is repeated is a repeat already at character 3"),
        ("a|*", "there is nothing to repeat at character 3"),
        ("a{1001}", "a repeat counts from 0 to 1000, upwards at character 2"),
        ("(a{100}){11}", "repeats within repeats come to more than 1000 at character 9"),
        ("a(?x)", "`(?x` begins no group at character 2"),
        ("a(?<n!>)", "the name of this group is none at character 2"),
        ("((a)", "this `(` has no `)` at character 1"),
        ("a)", "this `)` has no `(` at character 2"),
        ("a[b", "this `[` has no `]` at character 2"),
        ("[a--b]", "the range `a--` ends before it begins at character 2"),
        ("[[:foo:]]", "there is no class `[:foo:]` at character 2"),
        (r"a\p{Foo}", "there is no class of Unicode `Foo` at character 2"),
        (r"\u0061", r"there is no escape `\u` at character 1"),
        (r"a\C", r"`\C`, any byte, is not supported at character 2"),
        (r"\Qa", r"this `\Q` has no `\E` at character 1"),
        (r"a\", r"a `\` stands at the end at character 2"),
        (r"(\pL{1000}){1}", "compiled it is larger than the 1052160 bytes allowed"),
    ] {
        assert_eq!(Pattern::anchored(expression).unwrap_err().to_string(), said, "{expression}");
    }
    assert!(
        Pattern::anchored(&"(".repeat(1 << 20)).unwrap_err().to_string().starts_with("groups nest deeper")
    );
}

#[test]
fn groups_nest_as_deeply_as_is_allowed() {
    let depth = limits::PATTERN_GROUPS_NESTED_MAX;
    let nested = |depth: usize| format!("{}b{}", "(a|".repeat(depth), ")*c".repeat(depth));
    assert!(Pattern::anchored(&nested(depth)).unwrap().is_match(&format!("b{}", "c".repeat(depth))));
    assert!(Pattern::anchored(&nested(depth + 1)).is_err());
}

/// What each template made of the groups in Prometheus 3.5.3.
#[test]
fn a_template_is_filled_in_as_in_go() {
    let first = Pattern::anchored("(?P<n>a)(b)?.*").unwrap();
    let twice = Pattern::anchored("(a)(?P<n>x)?(?P<n>b)").unwrap();
    for (template, of_first, of_twice) in [
        ("$1x", "", ""),
        ("${1}x", "ax", "ax"),
        ("$$1", "$1", "$1"),
        ("$", "$", "$"),
        ("$-", "$-", "$-"),
        ("${", "${", "${"),
        ("${1", "${1", "${1"),
        ("${a-b}", "${a-b}", "${a-b}"),
        ("$01", "", ""),
        ("$0", "ac", "ab"),
        ("$2", "", ""),
        ("$n", "a", "b"),
        ("${n}", "a", "b"),
        ("$nx", "", ""),
        ("$1é", "", ""),
        ("$1 $", "a $", "a $"),
        ("$10", "", ""),
        ("$é.", ".", "."),
        ("$99999999999999999999", "", ""),
    ] {
        assert_eq!(first.find("ac").unwrap().filled(template), of_first, "{template}");
        assert_eq!(twice.find("ab").unwrap().filled(template), of_twice, "{template}");
    }
}

#[test]
fn alternatives_of_literals_are_known_as_such() {
    assert_eq!(literals("api").unwrap(), ["api"]);
    assert_eq!(literals("(a|b|)").unwrap(), ["a", "b", ""]);
    assert_eq!(literals(r"(?:10\.0\.0\.1:9100|a\-b)").unwrap(), ["10.0.0.1:9100", "a-b"]);
    for machine in [r"a|b.*", r"(a\)", r"\d", r"\n", "(a|(b))", "(a)|(b)", "(?i:a)", "a{2}", "[a]", r"a\"] {
        assert!(literals(machine).is_none(), "{machine}");
    }
}

/// As dashboards write a variable of many values.
#[test]
fn thousands_of_alternatives_compile() {
    let host = |n: usize| format!("host-{:04x}-{n}.example.com", n * 7919 % 65536);
    let hosts: Vec<String> = (0..5000).map(host).collect();
    let any = hosts.iter().map(|host| escaped(host)).collect::<Vec<_>>().join("|");
    assert_eq!(literals(&any).unwrap(), hosts);
    for expression in [format!("({any}):.*"), format!("(?i){any}")] {
        let pattern = Pattern::anchored(&expression).unwrap();
        assert_eq!(pattern.is_match(&format!("{}:80", hosts[4999])), expression.starts_with("(h"));
        assert!(!pattern.is_match("host"));
    }
}

fn any_expression() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b",
        "é",
        "K",
        "]",
        "}",
        "-",
        "^",
        "$",
        ".",
        "|",
        "(",
        ")",
        "(?:",
        "(?i)",
        "(?-i)",
        "(?m)",
        "(?s-U:",
        "(?U)",
        "(?P<n>",
        "(?<m>",
        "*",
        "+",
        "?",
        "{2}",
        "{1,3}",
        "{,2}",
        "{0}",
        "[",
        "[^",
        "[a-",
        "&&",
        "[:alpha:]",
        "[[:^digit:]",
        r"\pL",
        r"\P{Greek}",
        r"\p{Cs}",
        r"\w",
        r"\W",
        r"\d",
        r"\S",
        r"\b",
        r"\B",
        r"\A",
        r"\z",
        r"\Q",
        r"\E",
        r"\141",
        r"\x{d800}",
        r"\x41",
        r"\n",
        r"\.",
        r"\<",
        r"\",
        "~~",
        "--",
        "\n",
        "#",
        " ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_the_translation_accepts_compiles(expression in prop_oneof![any_expression(), any::<String>()]) {
        if let Ok(translated) = re2::translate(&expression) {
            let pattern = Pattern::anchored(&expression);
            prop_assert!(pattern.is_ok(), "{expression} as {}: {:?}", translated.expression, pattern.err());
        }
    }

    #[test]
    fn a_text_matches_itself_and_nothing_else(text in "[ -~é\n]{0,12}", other in "[ -~é\n]{0,12}") {
        for expression in [escaped(&text), format!(r"(?:\Q{}\E)", text.replace('\\', "/"))] {
            let text = if expression.starts_with("(?:") { text.replace('\\', "/") } else { text.clone() };
            let pattern = Pattern::anchored(&expression).unwrap();
            prop_assert!(pattern.is_match(&text), "{expression}");
            prop_assert_eq!(pattern.is_match(&other), text == other, "{}", expression);
        }
    }

    #[test]
    fn literals_are_what_the_expression_matches(expression in r"(\(|\(\?:)?[ab|.\\-]{0,8}\)?", value in "[ab.-]{0,3}") {
        if let Some(literals) = literals(&expression) {
            let pattern = Pattern::anchored(&expression).unwrap();
            prop_assert_eq!(literals.contains(&value), pattern.is_match(&value));
            prop_assert!(literals.iter().all(|literal| pattern.is_match(literal)));
        }
    }
}
