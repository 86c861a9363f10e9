//! Parts of a date and a time of day in UTC, of seconds since the epoch (proleptic Gregorian calendar).

use kernel::civil::{civil_from_days, days_from_civil, days_in_month};

const DAY_SECS: i64 = 86_400;

/// The function of seconds by its name in PromQL.
pub(crate) fn named(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |secs| (whole(secs).rem_euclid(3600) / 60) as f64,
        "hour" => |secs| (whole(secs).rem_euclid(DAY_SECS) / 3600) as f64,
        // The first of January 1970 was a Thursday.
        "day_of_week" => |secs| (day(secs) + 4).rem_euclid(7) as f64,
        "day_of_month" => |secs| civil_from_days(day(secs)).2 as f64,
        "day_of_year" => |secs| {
            let day = day(secs);
            (day - days_from_civil(civil_from_days(day).0, 1, 1) + 1) as f64
        },
        "days_in_month" => |secs| {
            let (year, month, _) = civil_from_days(day(secs));
            days_in_month(year, month) as f64
        },
        "month" => |secs| civil_from_days(day(secs)).1 as f64,
        "year" => |secs| civil_from_days(day(secs)).0 as f64,
        _ => return None,
    })
}

/// Cut off towards zero.
fn whole(secs: f64) -> i64 {
    secs as i64
}

fn day(secs: f64) -> i64 {
    whole(secs).div_euclid(DAY_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_known_instants() {
        let part = |name: &str, secs: f64| named(name).unwrap()(secs);
        // 2016-02-29T23:59:59Z, a Monday.
        let leap = 1_456_790_399.0;
        let parts = [
            "year",
            "month",
            "day_of_month",
            "day_of_year",
            "days_in_month",
            "day_of_week",
            "hour",
            "minute",
        ];
        assert_eq!(parts.map(|name| part(name, leap)), [2016.0, 2.0, 29.0, 60.0, 29.0, 1.0, 23.0, 59.0]);
        // 1969-12-31T23:59:59Z, a Wednesday.
        assert_eq!(parts.map(|name| part(name, -1.0)), [1969.0, 12.0, 31.0, 365.0, 31.0, 3.0, 23.0, 59.0]);
    }
}
