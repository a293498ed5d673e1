//! The form definition: which fields a record has and what each accepts. [`crate::validation`] applies it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Creator's default for single lines and names (`<225>`/`255`): longer values are refused.
const SINGLE_LINE: usize = 255;
/// Creator's default for e-mail addresses.
const EMAIL: usize = 80;
/// What a multi line field holds, in bytes.
const MULTI_LINE: usize = 64 * 1024;
/// Digits of a number field that the API lets through.
const DIGITS: usize = 15;

/// What a field accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// One line of at most `max` characters.
    SingleLine {
        /// Characters.
        #[serde(default = "single_line")]
        max: usize,
    },
    /// Text of at most `max` bytes.
    MultiLine {
        /// Bytes.
        #[serde(default = "multi_line")]
        max: usize,
    },
    /// An e-mail address of at most `max` characters.
    Email {
        /// Characters.
        #[serde(default = "email")]
        max: usize,
    },
    /// `{"prefix","first_name","last_name","suffix"}`.
    Name,
    /// Exactly one of the choices.
    DropDown {
        /// The choices, compared exactly.
        choices: Vec<String>,
    },
    /// A whole number of at most `digits` digits.
    Number {
        /// Digits.
        #[serde(default = "digits")]
        digits: usize,
    },
}

fn single_line() -> usize {
    SINGLE_LINE
}
fn multi_line() -> usize {
    MULTI_LINE
}
fn email() -> usize {
    EMAIL
}
fn digits() -> usize {
    DIGITS
}

impl Kind {
    /// Zoho's number for the type in Get Fields.
    fn type_number(&self) -> u8 {
        match self {
            Self::SingleLine { .. } => 1,
            Self::MultiLine { .. } => 2,
            Self::Email { .. } => 3,
            Self::Number { .. } => 5,
            Self::DropDown { .. } => 12,
            Self::Name => 29,
        }
    }

    fn max_char(&self) -> Option<usize> {
        match self {
            Self::SingleLine { max } | Self::MultiLine { max } | Self::Email { max } => Some(*max),
            Self::Number { digits } => Some(*digits),
            Self::Name | Self::DropDown { .. } => None,
        }
    }
}

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name in requests, answers and criteria.
    pub link_name: String,
    /// What it accepts.
    #[serde(flatten)]
    pub kind: Kind,
    /// Blank is refused.
    #[serde(default)]
    pub mandatory: bool,
    /// "No duplicate values".
    #[serde(default)]
    pub unique: bool,
    /// Masked in the request log.
    #[serde(default)]
    pub personal: bool,
}

impl Field {
    fn new(link_name: &str, kind: Kind) -> Self {
        Self { link_name: link_name.into(), kind, mandatory: false, unique: false, personal: false }
    }

    fn personal(mut self) -> Self {
        self.personal = true;
        self
    }

    /// The field as Get Fields describes it.
    pub(crate) fn description(&self) -> Value {
        let mut description = json!({
            "link_name": self.link_name,
            "display_name": self.link_name.replace('_', " "),
            "type": self.kind.type_number(),
            "mandatory": self.mandatory,
            "unique": self.unique,
        });
        if let Some(max) = self.kind.max_char() {
            description["max_char"] = max.into();
        }
        if let Kind::DropDown { choices } = &self.kind {
            description["choices"] =
                choices.iter().map(|choice| json!({"key": choice, "value": choice})).collect();
        }
        description
    }
}

/// Why a form file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The file cannot be read.
    #[error("cannot be read")]
    Read(#[from] std::io::Error),
    /// The file is no form definition.
    #[error("is not a form definition")]
    Parse(#[from] serde_json::Error),
    /// Creator offers "No duplicate values" for single line, email and number only (of the kinds known here).
    #[error("field {0} cannot be unique: only single line, email and number can")]
    CannotBeUnique(String),
    /// Two fields share a name, or one takes a name of the system.
    #[error("field name {0} is already taken")]
    NameTaken(String),
}

/// A form: its fields in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The fields in the order of the form.
    pub fields: Vec<Field>,
}

impl Form {
    /// The ticket form of the Smart Service Hub.
    #[must_use]
    pub fn tickets() -> Self {
        let line = |max| Kind::SingleLine { max };
        let text = || Kind::MultiLine { max: MULTI_LINE };
        let choices =
            |all: &[&str]| Kind::DropDown { choices: all.iter().map(ToString::to_string).collect() };
        let topics = ["Network", "Security", "Cloud", "Hardware", "General"];
        let ticket_id = Field { mandatory: true, unique: true, ..Field::new("Ticket_ID", line(SINGLE_LINE)) };
        Self {
            fields: vec![
                ticket_id,
                Field::new("Delivery_Batch", line(SINGLE_LINE)),
                Field::new("Name", Kind::Name).personal(),
                Field::new("Email", Kind::Email { max: EMAIL }).personal(),
                Field::new("Request_Type", choices(&topics)),
                Field::new("Description", text()).personal(),
                Field::new("Category", choices(&topics)),
                Field::new("Priority", choices(&["Low", "Medium", "High", "Critical"])),
                Field::new("Summary", line(SINGLE_LINE)).personal(),
                Field::new("Entities", text()).personal(),
                Field::new("Status", line(SINGLE_LINE)),
                Field::new("Assignee", line(SINGLE_LINE)),
                Field::new("Event_Position", line(SINGLE_LINE)),
                Field::new("Sentiment", line(SINGLE_LINE)),
            ],
        }
    }

    /// Reads a form definition.
    pub fn read(path: &Path) -> Result<Self, FormError> {
        let form: Self = serde_json::from_slice(&std::fs::read(path)?)?;
        form.checked()
    }

    fn checked(self) -> Result<Self, FormError> {
        for (index, field) in self.fields.iter().enumerate() {
            let name = &field.link_name;
            let taken = self.fields[..index].iter().any(|earlier| &earlier.link_name == name);
            if taken || matches!(name.as_str(), "ID" | "Added_Time" | "Modified_Time") {
                return Err(FormError::NameTaken(name.clone()));
            }
            let can =
                matches!(field.kind, Kind::SingleLine { .. } | Kind::Email { .. } | Kind::Number { .. });
            if field.unique && !can {
                return Err(FormError::CannotBeUnique(name.clone()));
            }
        }
        Ok(self)
    }

    /// The field with that link name.
    #[must_use]
    pub fn field(&self, link_name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.link_name == link_name)
    }

    /// Link names of the unique fields.
    pub(crate) fn unique_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.unique).map(|field| field.link_name.as_str())
    }

    /// Link names of the personal fields.
    pub(crate) fn personal_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.personal).map(|field| field.link_name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_file_gets_the_default_lengths() {
        let json = r#"{"fields":[{"link_name":"Code","kind":"single_line","unique":true},{"link_name":"Mail","kind":"email","max":254}]}"#;
        let form: Form = serde_json::from_str(json).unwrap();
        assert_eq!(form.fields[0].kind, Kind::SingleLine { max: 255 });
        assert_eq!(form.fields[1].kind, Kind::Email { max: 254 });
        assert!(form.checked().is_ok());
    }

    #[test]
    fn a_multi_line_field_cannot_be_unique() {
        let field = Field { unique: true, ..Field::new("Text", Kind::MultiLine { max: 10 }) };
        let refused = Form { fields: vec![field] }.checked();
        assert!(matches!(refused, Err(FormError::CannotBeUnique(name)) if name == "Text"));
    }

    #[test]
    fn the_built_in_form_passes_its_own_rules() {
        assert!(Form::tickets().checked().is_ok());
    }
}
