//! Instants and lengths of time: what `toTime` and `toDuration` give. Times are in UTC, with milliseconds, as
//! Prometheus has them. Names and layouts are those of Go's package `time`.

use kernel::civil::{civil_from_days, days_from_civil};

use super::value::Value;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MS_PER_DAY: i64 = 86_400_000;
const NS_PER_MS: i64 = 1_000_000;
const NS_PER_SECOND: i64 = 1_000_000_000;

/// A time by its parts.
struct Parts {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
    weekday: usize,
    year_day: i64,
}

impl Parts {
    fn of(ms: i64) -> Self {
        let in_day = ms.rem_euclid(MS_PER_DAY);
        let days = ms.div_euclid(MS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        // 1 January 1970 was a Thursday.
        let weekday = (days + 4).rem_euclid(7);
        Self {
            year,
            month: usize::try_from(month).unwrap_or(1),
            day,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1000 % 60,
            ms: in_day % 1000,
            weekday: usize::try_from(weekday).unwrap_or(0),
            year_day: days - days_from_civil(year, 1, 1) + 1,
        }
    }

    fn month_name(&self) -> &'static str {
        MONTHS[self.month - 1]
    }
}

/// As Go prints a time in UTC: `2015-06-23 13:19:44.128 +0000 UTC`.
pub(super) fn time_text(ms: i64) -> String {
    format(ms, "2006-01-02 15:04:05.999 -0700 MST")
}

/// As Go prints a duration: `1h15m30.5s`, `1.5ms`, `0s`.
pub(super) fn duration_text(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let all = ns.unsigned_abs();
    let decimals = |unit: u64, name: &str| {
        let (whole, rest) = (all / unit, all % unit);
        let digits = unit.ilog10() as usize;
        let fraction = if rest == 0 { String::new() } else { format!(".{rest:0digits$}") };
        format!("{sign}{whole}{}{name}", fraction.trim_end_matches('0'))
    };
    match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{all}ns"),
        1_000..1_000_000 => decimals(1_000, "µs"),
        1_000_000..1_000_000_000 => decimals(1_000_000, "ms"),
        _ => {
            let seconds = all / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let (whole, rest) = (seconds % 60, all % 1_000_000_000);
            let fraction = if rest == 0 { String::new() } else { format!(".{rest:09}") };
            let end = format!("{whole}{}s", fraction.trim_end_matches('0'));
            match (hours, minutes) {
                (0, 0) => format!("{sign}{end}"),
                (0, _) => format!("{sign}{minutes}m{end}"),
                _ => format!("{sign}{hours}h{minutes}m{end}"),
            }
        }
    }
}

/// A method of a time; `None` where there is none of that name.
pub(super) fn of_time(ms: i64, name: &str, given: &[Value]) -> Result<Option<Value>, String> {
    let parts = Parts::of(ms);
    let value = match (name, given) {
        ("Year", []) => Value::Int(parts.year),
        ("Month", []) => parts.month_name().into(),
        ("Day", []) => Value::Int(parts.day),
        ("Hour", []) => Value::Int(parts.hour),
        ("Minute", []) => Value::Int(parts.minute),
        ("Second", []) => Value::Int(parts.second),
        ("Nanosecond", []) => Value::Int(parts.ms * NS_PER_MS),
        ("Weekday", []) => WEEKDAYS[parts.weekday].into(),
        ("YearDay", []) => Value::Int(parts.year_day),
        ("Unix", []) => Value::Int(ms.div_euclid(1000)),
        ("UnixMilli", []) => Value::Int(ms),
        ("UnixMicro", []) => Value::Int(ms.saturating_mul(1000)),
        ("UnixNano", []) => Value::Int(ms.saturating_mul(NS_PER_MS)),
        ("String", []) => time_text(ms).into(),
        ("UTC" | "Local", []) => Value::Time(ms),
        ("Format", [Value::Text(layout)]) => format(ms, layout).into(),
        ("Add", [Value::Duration(ns)]) => Value::Time(ms.saturating_add(ns / NS_PER_MS)),
        ("Sub", [Value::Time(other)]) => Value::Duration(ms.saturating_sub(*other).saturating_mul(NS_PER_MS)),
        ("Before", [Value::Time(other)]) => Value::Bool(ms < *other),
        ("After", [Value::Time(other)]) => Value::Bool(ms > *other),
        ("Equal", [Value::Time(other)]) => Value::Bool(ms == *other),
        (
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "Weekday" | "YearDay"
            | "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "String" | "UTC" | "Local" | "Format" | "Add"
            | "Sub" | "Before" | "After" | "Equal",
            _,
        ) => return Err(format!("`.{name}` of a time is given the wrong arguments")),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// A method of a duration; `None` where there is none of that name.
pub(super) fn of_duration(ns: i64, name: &str, given: &[Value]) -> Result<Option<Value>, String> {
    let seconds = ns as f64 / NS_PER_SECOND as f64;
    let value = match (name, given) {
        ("Hours", []) => Value::Float(seconds / 3600.0),
        ("Minutes", []) => Value::Float(seconds / 60.0),
        ("Seconds", []) => Value::Float(seconds),
        ("Milliseconds", []) => Value::Int(ns / NS_PER_MS),
        ("Microseconds", []) => Value::Int(ns / 1000),
        ("Nanoseconds", []) => Value::Int(ns),
        ("Abs", []) => Value::Duration(ns.saturating_abs()),
        ("String", []) => duration_text(ns).into(),
        ("Truncate", [Value::Duration(unit)]) => Value::Duration(if *unit > 0 { ns - ns % unit } else { ns }),
        ("Round", [Value::Duration(unit)]) => Value::Duration(rounded(ns, *unit)),
        (
            "Hours" | "Minutes" | "Seconds" | "Milliseconds" | "Microseconds" | "Nanoseconds" | "Abs"
            | "String" | "Truncate" | "Round",
            _,
        ) => return Err(format!("`.{name}` of a duration is given the wrong arguments")),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// To the nearest multiple; halves away from zero.
fn rounded(ns: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return ns;
    }
    let rest = ns % unit;
    let toward_zero = ns - rest;
    if rest.unsigned_abs() < unit.unsigned_abs() - rest.unsigned_abs() {
        toward_zero
    } else {
        toward_zero.saturating_add(unit * ns.signum())
    }
}

/// A part of a time as a part of a layout wants it.
type Written = fn(&Parts) -> String;

/// Parts of a layout, a longer one before those that it begins with, and what each stands for.
const LAYOUT: [(&str, Written); 31] = [
    ("January", |t| t.month_name().to_owned()),
    ("Jan", |t| t.month_name()[..3].to_owned()),
    ("Monday", |t| WEEKDAYS[t.weekday].to_owned()),
    ("Mon", |t| WEEKDAYS[t.weekday][..3].to_owned()),
    ("MST", |_| "UTC".to_owned()),
    ("002", |t| format!("{:03}", t.year_day)),
    ("01", |t| format!("{:02}", t.month)),
    ("02", |t| format!("{:02}", t.day)),
    ("03", |t| format!("{:02}", twelve(t.hour))),
    ("04", |t| format!("{:02}", t.minute)),
    ("05", |t| format!("{:02}", t.second)),
    ("06", |t| format!("{:02}", t.year.rem_euclid(100))),
    ("15", |t| format!("{:02}", t.hour)),
    ("1", |t| t.month.to_string()),
    ("2006", |t| format!("{:04}", t.year)),
    ("2", |t| t.day.to_string()),
    ("__2", |t| format!("{:3}", t.year_day)),
    ("_2006", |t| format!("_{:04}", t.year)),
    ("_2", |t| format!("{:2}", t.day)),
    ("3", |t| twelve(t.hour).to_string()),
    ("4", |t| t.minute.to_string()),
    ("5", |t| t.second.to_string()),
    ("PM", |t| if t.hour < 12 { "AM" } else { "PM" }.to_owned()),
    ("pm", |t| if t.hour < 12 { "am" } else { "pm" }.to_owned()),
    ("-07:00:00", |_| "+00:00:00".to_owned()),
    ("-07:00", |_| "+00:00".to_owned()),
    ("-0700", |_| "+0000".to_owned()),
    ("-07", |_| "+00".to_owned()),
    ("Z07:00:00", |_| "Z".to_owned()),
    ("Z07:00", |_| "Z".to_owned()),
    ("Z0700", |_| "Z".to_owned()),
];

fn twelve(hour: i64) -> i64 {
    (hour + 11) % 12 + 1
}

/// A time by a layout of Go's: the reference time is `Mon Jan 2 15:04:05 MST 2006`.
fn format(ms: i64, layout: &str) -> String {
    let parts = Parts::of(ms);
    let mut out = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = fraction_length(rest) {
            out.push_str(&fraction(parts.ms, &rest[..length]));
            rest = &rest[length..];
        } else if let Some((token, written)) = LAYOUT.iter().find(|(token, _)| rest.starts_with(token)) {
            out.push_str(&written(&parts));
            rest = &rest[token.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The length of `.000` or `,999` at the start of a layout.
fn fraction_length(layout: &str) -> Option<usize> {
    let digits = layout.strip_prefix(['.', ','])?;
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = digits.len() - digits.trim_start_matches(digit).len();
    // A number with other digits behind is none.
    let is_all = !digits[count..].starts_with(|c: char| c.is_ascii_digit());
    is_all.then_some(count + 1)
}

fn fraction(ms: i64, layout: &str) -> String {
    let count = layout.len() - 1;
    let mut digits = format!("{ms:03}");
    while digits.len() < count.min(9) {
        digits.push('0');
    }
    digits.truncate(count);
    let digits = if layout.ends_with('9') { digits.trim_end_matches('0') } else { &digits };
    if digits.is_empty() { String::new() } else { format!("{}{digits}", &layout[..1]) }
}
