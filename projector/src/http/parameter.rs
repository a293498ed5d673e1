//! Values of query parameters that need more than a type to be right.

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use service_host::{Problem, clock};

/// A label or a name to filter by, 1 to 100 characters.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Label(pub String);

/// An instant of the years 1 to 9998: rounded up or down it still has four digits, which is what RFC 3339 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment(pub DateTime<Utc>);

/// A whole number within the limits that its use names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Within<const LEAST: i64, const MOST: i64>(pub i64);

/// The schema of a type that is read from text, where it is used.
macro_rules! inline_schema {
    ($type:ty, $schema:tt) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}
pub(crate) use inline_schema;

inline_schema!(Label, { "type": "string", "minLength": 1, "maxLength": 100, "pattern": r"^[^\x00-\x1f\x7f]+$" });
inline_schema!(Moment, { "type": "string", "format": "date-time" });

/// A value that may not stand there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidValue {
    /// Of a label.
    #[error("a label has 1 to 100 printable characters")]
    Label,
    /// Of an instant.
    #[error("invalid characters: a time is written as 2026-11-25T08:00:00Z")]
    Moment,
    /// Of a number.
    #[error("must be a whole number of {0} to {1}")]
    Number(i64, i64),
}

impl TryFrom<String> for Label {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let fits =
            (1..=100).contains(&text.chars().count()) && !text.contains(|c: char| c.is_ascii_control());
        if fits { Ok(Self(text)) } else { Err(InvalidValue::Label) }
    }
}

impl TryFrom<String> for Moment {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // A "+" before the offset arrives as a blank from clients that do not escape it.
        let text = text.replace(' ', "+");
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| InvalidValue::Moment)?.to_utc();
        if (1..=9998).contains(&time.year()) { Ok(Self(time)) } else { Err(InvalidValue::Moment) }
    }
}

impl<const LEAST: i64, const MOST: i64> TryFrom<String> for Within<LEAST, MOST> {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        // `parse` alone would take a sign that JSON does not know.
        let number = (!text.starts_with('+')).then(|| text.parse().ok()).flatten();
        let number = number.filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or(InvalidValue::Number(LEAST, MOST))
    }
}

impl<const LEAST: i64, const MOST: i64> JsonSchema for Within<LEAST, MOST> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Within{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A span of time must have room for something.
///
/// # Errors
/// 400 where it ends before it begins.
pub fn check_span(from: Option<Moment>, to: Option<Moment>) -> Result<(), Problem> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Problem::bad_request(
            "from must be earlier than to: a span begins with from and ends before to",
        )),
        _ => Ok(()),
    }
}

/// How far a client's clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(1);

/// Nobody can look back to what has not happened.
///
/// # Errors
/// 400 for a time that has not come.
pub fn check_past(as_of: Option<Moment>) -> Result<(), Problem> {
    match as_of {
        Some(time) if time.0 > clock::now() + AHEAD => Err(Problem::bad_request("asOf has not come yet")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_whatever_its_offset_and_nothing_else_is() {
        let moment = |text: &str| Moment::try_from(text.to_owned()).map(|moment| moment.0.to_rfc3339());
        for text in ["2026-11-25T08:00:00Z", "2026-11-25T09:00:00+01:00", "2026-11-25T09:00:00 01:00"] {
            assert_eq!(moment(text).unwrap(), "2026-11-25T08:00:00+00:00", "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-11-25",
            "+12026-11-25T08:00:00Z",
            "2026-13-25T08:00:00Z",
            "9999-12-31T23:30:00Z",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(moment(text), Err(InvalidValue::Moment), "{text}");
        }
    }

    #[test]
    fn a_label_has_no_nul() {
        assert!(Label::try_from("srv\0".to_owned()).is_err() && Label::try_from(String::new()).is_err());
        assert_eq!(Label::try_from("Netzwerk".to_owned()).unwrap().0, "Netzwerk");
    }
}
