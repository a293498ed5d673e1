//! Criteria: `(Ticket_ID == "t_1" && Priority != "Low") || Email.contains("@example.")`.

mod parse;

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime};

pub(crate) use parse::ParseError;

/// How Creator words a date-time when the application keeps the default format.
pub(crate) const DATE_TIME: &str = "%d-%b-%Y %H:%M:%S";
const DATE: &str = "%d-%b-%Y";

/// A parsed condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Criteria {
    /// All of them (`&&`).
    All(Vec<Criteria>),
    /// At least one (`||`).
    Any(Vec<Criteria>),
    /// One comparison.
    Compare { column: String, test: Test, value: String },
}

/// The comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    StartsWith,
    EndsWith,
}

impl std::str::FromStr for Criteria {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }
}

impl Criteria {
    /// Whether a row fits; `value` is the text of a column, blank when it has none.
    pub(crate) fn matches(&self, value: &impl Fn(&str) -> String) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(value)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(value)),
            Self::Compare { column, test, value: wanted } => test.holds(&value(column), wanted),
        }
    }

    /// Every column it speaks of.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Compare { column, .. } => vec![column],
        }
    }
}

impl Test {
    fn holds(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => compare(left, right).is_lt(),
            Self::LessOrEqual => compare(left, right).is_le(),
            Self::Greater => compare(left, right).is_gt(),
            Self::GreaterOrEqual => compare(left, right).is_ge(),
            Self::Contains => left.contains(right),
            Self::StartsWith => left.starts_with(right),
            Self::EndsWith => left.ends_with(right),
        }
    }
}

/// As date-times if both are, else as whole numbers (19-digit ids need every digit), else as text.
fn compare(left: &str, right: &str) -> Ordering {
    if let (Some(left), Some(right)) = (date_time(left), date_time(right)) {
        return left.cmp(&right);
    }
    match (left.parse::<i128>(), right.parse::<i128>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

fn date_time(text: &str) -> Option<NaiveDateTime> {
    let midnight = || NaiveDate::parse_from_str(text, DATE).ok()?.and_hms_opt(0, 0, 0);
    NaiveDateTime::parse_from_str(text, DATE_TIME).ok().or_else(midnight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(criteria: &str) -> bool {
        let row = |column: &str| {
            let value = match column {
                "Ticket_ID" => "tkt_01",
                "Summary" => r#"say "hi" \ bye"#,
                "Priority" => "High",
                "ID" => "3888833000000121319",
                "Added_Time" => "21-Nov-2026 10:00:00",
                _ => "",
            };
            value.to_owned()
        };
        criteria.parse::<Criteria>().unwrap().matches(&row)
    }

    #[test]
    fn a_row_is_found_by_its_own_value_only() {
        assert!(fits(r#"(Ticket_ID == "tkt_01")"#));
        assert!(fits(r#"Ticket_ID=="tkt_01""#));
        assert!(!fits(r#"(Ticket_ID == "tkt_0")"#));
        assert!(fits(r#"Ticket_ID != "x""#));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(fits(r#"Priority == "High" || Priority == "Low" && Ticket_ID == "x""#));
        assert!(!fits(r#"(Priority == "High" || Priority == "Low") && Ticket_ID == "x""#));
    }

    #[test]
    fn escaped_quotes_and_backslashes_are_part_of_the_value() {
        assert!(fits(r#"Summary == "say \"hi\" \\ bye""#));
    }

    #[test]
    fn text_methods_look_inside_the_value() {
        assert!(fits(
            r#"Ticket_ID.startsWith("tkt") && Ticket_ID.endsWith("01") && Ticket_ID.contains("_")"#
        ));
        assert!(!fits(r#"Ticket_ID.contains("-")"#));
    }

    #[test]
    fn long_numbers_and_dates_are_compared_by_value() {
        assert!(fits("ID > 3888833000000121318 && ID <= 3888833000000121319"));
        assert!(fits("Added_Time >= '20-Nov-2026' && Added_Time < '02-Dec-2026'"));
    }

    #[test]
    fn a_column_without_value_equals_the_empty_text() {
        assert!(fits(r#"Status == "" && Status == null"#));
    }
}
