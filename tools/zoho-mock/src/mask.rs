//! What the request log may show. An allow-list: a value is shown only under a key that is known to be harmless,
//! so that a misspelt field leaks nothing.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{criteria::Criteria, form::Form};

const MASKED: &str = "***";

/// Keys of bodies and queries that carry no personal data and no secret.
const HARMLESS: [&str; 13] = [
    "ID",
    "Added_Time",
    "Modified_Time",
    "result",
    "fields",
    "message",
    "tasks",
    "skip_workflow",
    "max_records",
    "field_config",
    "process_until_limit",
    "by",
    "grant_type",
];

/// The names whose values may be shown.
pub(crate) struct Mask {
    shown: HashSet<String>,
}

impl Mask {
    pub(crate) fn new(form: &Form) -> Self {
        let personal: HashSet<_> = form.personal_names().collect();
        let fields = form.fields.iter().map(|field| field.link_name.as_str());
        let shown =
            fields.filter(|name| !personal.contains(name)).chain(HARMLESS).map(ToOwned::to_owned).collect();
        Self { shown }
    }

    /// The body with everything else masked; its structure stays.
    pub(crate) fn body(&self, value: &Value) -> Value {
        self.value(value, false)
    }

    fn value(&self, value: &Value, shown: bool) -> Value {
        match value {
            Value::Object(members) => members.iter().map(|(key, value)| self.member(key, value)).collect(),
            Value::Array(items) => items.iter().map(|item| self.value(item, shown)).collect(),
            Value::Null => Value::Null,
            leaf if shown => leaf.clone(),
            _ => MASKED.into(),
        }
    }

    fn member(&self, key: &str, value: &Value) -> (String, Value) {
        let value = match (self.shown.contains(key), value) {
            (shown, Value::Object(_) | Value::Array(_)) if shown || key == "data" => self.value(value, shown),
            (true, leaf) => leaf.clone(),
            (false, _) => MASKED.into(),
        };
        (key.to_owned(), value)
    }

    /// The query's parameters; criteria only when every column they name may be shown.
    pub(crate) fn query(&self, pairs: &[(String, String)]) -> Map<String, Value> {
        let show = |name: &str, value: &str| match name {
            "criteria" => self.allows_criteria(value),
            _ => self.shown.contains(name),
        };
        pairs
            .iter()
            .map(|(name, value)| {
                let value = if show(name, value) { value.as_str() } else { MASKED };
                (name.clone(), value.into())
            })
            .collect()
    }

    fn allows_criteria(&self, text: &str) -> bool {
        text.parse::<Criteria>()
            .is_ok_and(|criteria| criteria.columns().into_iter().all(|column| self.shown.contains(column)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask() -> Mask {
        Mask::new(&Form::tickets())
    }

    #[test]
    fn personal_fields_are_masked_and_ids_are_not() {
        let body = json!({"data": [{"Ticket_ID": "t1", "Email": "j@example.com", "Name": {"first_name": "J"}}],
                          "result": {"fields": ["Ticket_ID"], "message": true}});
        let expected = json!({"data": [{"Ticket_ID": "t1", "Email": "***", "Name": "***"}],
                              "result": {"fields": ["Ticket_ID"], "message": true}});
        assert_eq!(mask().body(&body), expected);
    }

    #[test]
    fn a_key_nobody_knows_is_masked() {
        assert_eq!(mask().body(&json!({"email": "j@example.com"})), json!({"email": "***"}));
        assert_eq!(mask().body(&json!(["j@example.com"])), json!(["***"]));
    }

    #[test]
    fn secrets_in_the_query_are_masked() {
        let query = [("refresh_token", "1000.a.b"), ("grant_type", "refresh_token")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            Value::from(mask().query(&query)),
            json!({"refresh_token": "***", "grant_type": "refresh_token"})
        );
    }

    #[test]
    fn criteria_on_personal_columns_are_masked() {
        let shown = |text: &str| mask().query(&[("criteria".into(), text.into())])["criteria"].clone();
        assert_eq!(shown(r#"Ticket_ID == "t""#), r#"Ticket_ID == "t""#);
        assert_eq!(shown(r#"Ticket_ID == "t" || Email == "j@example.com""#), "***");
        assert_eq!(shown(r#"Email = "j@example.com""#), "***");
    }
}
