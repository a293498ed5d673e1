//! Whether the form is as the mapping takes it to be. Creator accepts unknown fields in silence and refuses a blank in a
//! mandatory one: what does not fit is better known before anything is sent.

use serde_json::Value;

use super::mapping::{Item, Mapping, Target};

/// A field of the form. What the answer does not say is not held against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name in requests.
    pub link_name: String,
    /// Blank is refused.
    pub mandatory: Option<bool>,
    /// "No duplicate values".
    pub unique: Option<bool>,
    /// Characters, or bytes of a text.
    pub length: Option<u64>,
    /// The values of a drop-down.
    pub choices: Vec<String>,
}

/// The fields in an answer of Get Fields; `None` where it lists none.
#[must_use]
pub fn fields(body: &Value) -> Option<Vec<Field>> {
    let field = |field: &Value| {
        Some(Field {
            link_name: field["link_name"].as_str()?.to_owned(),
            mandatory: field["mandatory"].as_bool(),
            unique: field["unique"].as_bool(),
            length: field["max_char"].as_u64(),
            choices: field["choices"].as_array().map(|all| all.iter().filter_map(choice).collect())?,
        })
    };
    let without_choices = |given: &Value| {
        let mut given = given.clone();
        if !given["choices"].is_array() {
            given["choices"] = Value::Array(vec![]);
        }
        field(&given)
    };
    body["fields"].as_array()?.iter().map(without_choices).collect()
}

fn choice(choice: &Value) -> Option<String> {
    choice["value"].as_str().or_else(|| choice.as_str()).map(str::to_owned)
}

/// Everything in which the form is not as the mapping takes it to be, one sentence each.
#[must_use]
pub fn mismatches(mapping: &Mapping, form: &[Field]) -> Vec<String> {
    let mut wrong = vec![];
    for (item, target) in mapping.iter() {
        match form.iter().find(|field| field.link_name == target.field) {
            Some(field) => wrong.extend(mismatch(item, target, field)),
            None => wrong.push(format!("the form has no field {}", target.field)),
        }
    }
    let unfilled = form.iter().filter(|field| {
        field.mandatory == Some(true) && !mapping.fields().any(|mapped| mapped == field.link_name)
    });
    wrong.extend(
        unfilled.map(|field| format!("{} is mandatory, and nothing is mapped to it", field.link_name)),
    );
    wrong
}

fn mismatch(item: Item, target: &Target, field: &Field) -> Vec<String> {
    let (mut wrong, name) = (vec![], &target.field);
    if item == Item::TicketId {
        if field.unique == Some(false) {
            wrong.push(format!("{name} must be unique (\"No duplicate values\")"));
        }
        if field.mandatory == Some(false) {
            wrong.push(format!("{name} must be mandatory: blanks are never checked for duplicates"));
        }
    }
    if let (Some(ours), Some(theirs)) = (target.length, field.length)
        && ours as u64 > theirs
    {
        wrong.push(format!("{name} takes {theirs} characters, and the mapping sends up to {ours}"));
    }
    if !field.choices.is_empty() {
        let missing = item.labels().into_iter().map(|label| target.called(label));
        let missing: Vec<_> =
            missing.filter(|called| !field.choices.iter().any(|choice| choice == called)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{name} has no choice {}", missing.join(", ")));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Vec<Field> {
        let mapping = Mapping::default();
        let field = |name: &str| Field { link_name: name.into(), mandatory: Some(false), ..Field::default() };
        let mut form: Vec<_> = mapping.fields().map(field).collect();
        form[0] = Field { mandatory: Some(true), unique: Some(true), ..form[0].clone() };
        form
    }

    #[test]
    fn a_form_that_has_every_field_fits() {
        assert_eq!(form()[0].link_name, "Ticket_ID");
        assert_eq!(mismatches(&Mapping::default(), &form()), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut form = form();
        form[0].unique = Some(false);
        form[0].mandatory = Some(false);
        form.retain(|field| field.link_name != "Status");
        let set = |form: &mut Vec<Field>, name: &str, change: &dyn Fn(&mut Field)| {
            change(form.iter_mut().find(|field| field.link_name == name).unwrap());
        };
        set(&mut form, "Summary", &|field| field.length = Some(100));
        set(&mut form, "Category", &|field| field.choices = vec!["Network".into(), "Cloud".into()]);
        form.push(Field { link_name: "Region".into(), mandatory: Some(true), ..Field::default() });
        assert_eq!(
            mismatches(&Mapping::default(), &form),
            [
                "Ticket_ID must be unique (\"No duplicate values\")",
                "Ticket_ID must be mandatory: blanks are never checked for duplicates",
                "Category has no choice Security, Hardware, General",
                "Summary takes 100 characters, and the mapping sends up to 255",
                "the form has no field Status",
                "Region is mandatory, and nothing is mapped to it",
            ]
        );
    }

    #[test]
    fn an_answer_is_read_with_what_it_has() {
        let body = json!({"code": 3000, "fields": [
            {"link_name": "Priority", "type": 12, "choices": [{"key": "Low", "value": "Low"}], "mandatory": false},
            {"link_name": "Status", "max_char": 255, "unique": false},
        ]});
        let fields = fields(&body).unwrap();
        assert_eq!(fields[0].choices, ["Low"]);
        assert_eq!((fields[1].length, fields[1].unique, fields[1].mandatory), (Some(255), Some(false), None));
        assert_eq!(super::fields(&json!({"code": 3000})), None);
    }
}
