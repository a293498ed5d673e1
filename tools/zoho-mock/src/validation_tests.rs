use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::ids::Ids;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn empty() -> Store {
    Store::new(&Form::tickets(), false)
}

fn verdict(given: &Value) -> Value {
    match check(&Form::tickets(), &object(given), None, &empty()) {
        Ok(kept) => kept.into(),
        Err(problems) => problems.item(ErrorShape::Object),
    }
}

fn record(fields: &Value) -> Record {
    let at = DateTime::UNIX_EPOCH;
    Record { id: Ids::new(1).next_record(), added: at, modified: at, fields: object(fields) }
}

#[test]
fn a_mandatory_field_must_have_a_value() {
    let expected = json!({"code": 3002, "error": {"Ticket_ID": "Enter a value for Ticket_ID"}});
    assert_eq!(verdict(&json!({})), expected);
    assert_eq!(verdict(&json!({"Ticket_ID": ""})), expected);
    assert_eq!(verdict(&json!({"Ticket_ID": null})), expected);
}

#[test]
fn a_choice_must_be_one_of_the_list() {
    let expected = json!({"code": 3001, "error": ["Invalid column value for Priority"]});
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Priority": "high"})), expected);
    assert_eq!(
        verdict(&json!({"Ticket_ID": "t", "Priority": "High"})),
        json!({"Ticket_ID": "t", "Priority": "High"})
    );
}

#[test]
fn an_address_without_domain_is_no_email() {
    for bad in ["john", "john@", "john@localhost", "John <john@example.com>"] {
        assert_eq!(verdict(&json!({"Ticket_ID": "t", "Email": bad}))["code"], 3002, "{bad}");
    }
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Email": "j@example.com"}))["Email"], "j@example.com");
}

#[test]
fn an_address_of_more_than_eighty_characters_is_refused() {
    let long = format!("{}@{}.example.com", "a".repeat(60), "b".repeat(20));
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Email": long}))["code"], 3002);
}

#[test]
fn a_single_line_holds_255_characters_not_bytes() {
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Summary": "ü".repeat(255)}))["code"], Value::Null);
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Summary": "ü".repeat(256)}))["code"], 3002);
}

#[test]
fn a_name_is_composite() {
    let kept = verdict(&json!({"Ticket_ID": "t", "Name": {"first_name": "John", "last_name": "Doe"}}));
    assert_eq!(kept["Name"], json!({"prefix": "", "first_name": "John", "last_name": "Doe", "suffix": ""}));
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Name": "John Doe"}))["code"], 3001);
}

#[test]
fn unknown_keys_are_ignored() {
    assert_eq!(verdict(&json!({"Ticket_ID": "t", "Colour": "red"})), json!({"Ticket_ID": "t"}));
}

#[test]
fn every_failed_field_of_the_same_code_is_named() {
    let error = verdict(&json!({"Email": "nobody", "Priority": "?"}))["error"].clone();
    assert_eq!(object(&error).keys().collect::<Vec<_>>(), ["Email", "Ticket_ID"]);
}

#[test]
fn the_array_shape_names_the_field_in_the_text() {
    let problems = check(&Form::tickets(), &Map::new(), None, &empty()).unwrap_err();
    assert_eq!(problems.item(ErrorShape::Array)["error"], json!(["Ticket_ID: Enter a value for Ticket_ID"]));
}

#[test]
fn a_duplicate_is_refused_for_a_new_record_and_not_for_its_own_update() {
    let mut store = empty();
    let first = record(&json!({"Ticket_ID": "t"}));
    store.put(first.clone());
    let given = object(&json!({"Ticket_ID": "t"}));
    let refused = check(&Form::tickets(), &given, None, &store).unwrap_err();
    assert_eq!(
        refused.item(ErrorShape::Object)["error"]["Ticket_ID"],
        "This value already exists. Enter a unique value."
    );
    assert!(check(&Form::tickets(), &given, Some(&first), &store).is_ok());
}

#[test]
fn an_update_cannot_blank_a_mandatory_field_and_need_not_repeat_it() {
    let first = record(&json!({"Ticket_ID": "t"}));
    let update = |given: Value| check(&Form::tickets(), &object(&given), Some(&first), &empty());
    assert!(update(json!({"Ticket_ID": ""})).is_err());
    assert_eq!(update(json!({"Status": "open"})).unwrap(), object(&json!({"Status": "open"})));
}

#[test]
fn a_number_has_at_most_fifteen_digits() {
    let form: Form =
        serde_json::from_value(json!({"fields": [{"link_name": "N", "kind": "number"}]})).unwrap();
    let code =
        |value: Value| check(&form, &object(&json!({"N": value})), None, &empty()).map_err(|p| p.code());
    assert_eq!(code(json!(123_456_789_012_345_i64)).unwrap(), object(&json!({"N": "123456789012345"})));
    assert_eq!(code(json!("1234567890123456")), Err(8011));
    assert_eq!(code(json!("12a")), Err(8012));
}
