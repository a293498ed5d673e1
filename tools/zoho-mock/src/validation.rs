//! Whether a record fits the form: formats, choices, lengths, mandatory and unique fields.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde_json::{Map, Value};

use crate::{
    codes::{self, Code},
    form::{Field, Form, Kind},
    settings::ErrorShape,
    store::{Record, Store},
};

/// Longest first and last name, prefix and suffix: Creator's default lengths.
const NAME_PARTS: [(&str, usize); 4] =
    [("prefix", 15), ("first_name", 225), ("last_name", 225), ("suffix", 15)];

/// One thing that is wrong with one field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    field: String,
    code: Code,
    text: String,
}

impl Problem {
    fn new(field: &Field, code: Code, text: impl Into<String>) -> Self {
        Self { field: field.link_name.clone(), code, text: text.into() }
    }

    /// 3001 speaks of the column inside its text.
    fn bad_column(field: &Field) -> Self {
        let text = format!("{} {}", codes::BAD_COLUMN_VALUE.text, field.link_name);
        Self::new(field, codes::BAD_COLUMN_VALUE, text)
    }

    fn bad_field(field: &Field, text: impl Into<String>) -> Self {
        Self::new(field, codes::BAD_FIELD, text)
    }
}

/// Everything that is wrong with one record; never empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problems {
    first: Problem,
    rest: Vec<Problem>,
}

impl Problems {
    fn of(problems: Vec<Problem>) -> Result<(), Self> {
        let mut problems = problems.into_iter();
        problems.next().map_or(Ok(()), |first| Err(Self { first, rest: problems.collect() }))
    }

    /// The code of the record: that of the first field that failed.
    pub(crate) fn code(&self) -> u16 {
        self.first.code.number
    }

    /// The item of the answer. Only field validation comes as an object; other texts are a plain list.
    pub(crate) fn item(&self, shape: ErrorShape) -> Value {
        let same_code = std::iter::once(&self.first).chain(&self.rest).filter(|p| p.code == self.first.code);
        let error: Value = match (self.first.code, shape) {
            (codes::BAD_FIELD, ErrorShape::Object) => {
                let by_field = same_code.map(|p| (p.field.clone(), p.text.clone().into()));
                Value::Object(by_field.collect())
            }
            (codes::BAD_FIELD, ErrorShape::Array) => {
                same_code.map(|p| format!("{}: {}", p.field, p.text)).collect()
            }
            _ => same_code.map(|p| p.text.clone()).collect(),
        };
        serde_json::json!({"code": self.code(), "error": error})
    }
}

/// Checks the given values, then the record as it would be: `existing` with them on top. Returns the values as
/// they are kept. Unknown keys are ignored without a word, as Creator does.
pub(crate) fn check(
    form: &Form,
    given: &Map<String, Value>,
    existing: Option<&Record>,
    store: &Store,
) -> Result<Map<String, Value>, Problems> {
    let mut kept = Map::new();
    let mut problems = vec![];
    for field in &form.fields {
        match given.get(&field.link_name).map(|value| accept(field, value)) {
            Some(Ok(value)) => drop(kept.insert(field.link_name.clone(), value)),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
        if problems.last().is_none_or(|problem| problem.field != field.link_name) {
            let before = existing.and_then(|record| record.fields.get(&field.link_name));
            let value = kept.get(&field.link_name).or(before).unwrap_or(&Value::Null);
            problems.extend(check_presence(field, value, existing, store));
        }
    }
    Problems::of(problems).map(|()| kept)
}

/// Mandatory and unique. On an update both are looked at for every field, also those that did not change.
fn check_presence(field: &Field, value: &Value, existing: Option<&Record>, store: &Store) -> Option<Problem> {
    if is_blank(value) {
        return field
            .mandatory
            .then(|| Problem::bad_field(field, format!("Enter a value for {}", field.link_name)));
    }
    let taken = field.unique && store.is_taken(&field.link_name, value, existing.map(|record| record.id));
    taken.then(|| Problem::bad_field(field, "This value already exists. Enter a unique value."))
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(parts) => parts.values().all(is_blank),
        _ => false,
    }
}

/// The value as it is kept.
fn accept(field: &Field, value: &Value) -> Result<Value, Problem> {
    if is_blank(value) {
        return Ok("".into());
    }
    match &field.kind {
        Kind::Name => accept_name(field, value),
        Kind::Number { digits } => accept_number(field, value, *digits),
        Kind::SingleLine { max } => accept_text(field, value, |text| text.chars().count(), *max),
        Kind::MultiLine { max } => accept_text(field, value, str::len, *max),
        Kind::Email { max } => accept_email(field, value, *max),
        Kind::DropDown { choices } => match value.as_str() {
            Some(choice) if choices.iter().any(|known| known == choice) => Ok(value.clone()),
            _ => Err(Problem::bad_column(field)),
        },
    }
}

/// Numbers and booleans become text; lists and objects do not fit.
fn accept_text(
    field: &Field,
    value: &Value,
    length: fn(&str) -> usize,
    max: usize,
) -> Result<Value, Problem> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err(Problem::bad_column(field)),
    };
    if length(&text) > max {
        return Err(too_long(field, max));
    }
    Ok(text.into())
}

/// That a value is refused and not cut off is documented; the words are not.
fn too_long(field: &Field, max: usize) -> Problem {
    Problem::bad_field(field, format!("Enter a value with at most {max} characters"))
}

fn accept_email(field: &Field, value: &Value, max: usize) -> Result<Value, Problem> {
    let text = accept_text(field, value, |text| text.chars().count(), max)?;
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    match text.as_str().map(|address| EmailAddress::parse_with_options(address, options)) {
        Some(Ok(_)) => Ok(text),
        _ => Err(Problem::bad_field(field, "Enter a valid email address")),
    }
}

fn accept_name(field: &Field, value: &Value) -> Result<Value, Problem> {
    let given = value.as_object().ok_or_else(|| Problem::bad_column(field))?;
    let mut name = Map::new();
    for (part, max) in NAME_PARTS {
        let text = given.get(part).map_or(Ok("".into()), |value| {
            if value.is_null() {
                Ok("".into())
            } else {
                accept_text(field, value, |text| text.chars().count(), max)
            }
        })?;
        name.insert(part.into(), text);
    }
    Ok(name.into())
}

fn accept_number(field: &Field, value: &Value, digits: usize) -> Result<Value, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let plain = text.strip_prefix('-').unwrap_or(&text);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = format!("{} {}", codes::NOT_A_NUMBER.text, field.link_name);
        return Err(Problem::new(field, codes::NOT_A_NUMBER, text));
    }
    if plain.len() > digits {
        let text = format!("'{}' {}", field.link_name, codes::TOO_MANY_DIGITS.text);
        return Err(Problem::new(field, codes::TOO_MANY_DIGITS, text));
    }
    // Kept as text, as Creator answers numbers.
    Ok(i64::from_str(&text).map_or(text, |number| number.to_string()).into())
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
