//! What became of each record of a batch. The batch is not atomic: HTTP 200 and 3000 outside say nothing about the
//! records inside.

use schemas::TicketId;
use serde_json::Value;

use super::{
    code::{Class, classify},
    mapping::{Item, Mapping},
};
use crate::destination::{Refusal, Verdict};

/// A script failed, or a column does not take the value.
const SCRIPT_OR_COLUMN: u16 = 3001;
/// A field is blank, malformed, or not unique.
const VALIDATION: u16 = 3002;

/// One verdict per ticket, in the order they were sent; `None` where the answer does not speak of exactly these.
#[must_use]
pub fn judge(mapping: &Mapping, sent: &[TicketId], body: &Value) -> Option<Vec<Verdict>> {
    let items = items(sent.len(), body)?;
    let echoes: Vec<_> = items.iter().map(|item| echoed(mapping, item)).collect();
    let in_order = echoes.iter().zip(sent).all(|(echo, ticket)| echo.is_none_or(|echo| echo == *ticket));
    if in_order {
        return Some(items.into_iter().map(|item| verdict(mapping, item)).collect());
    }
    // Out of order, the place of an item says nothing: what has no echo stays open.
    let mut verdicts = vec![Verdict::Unclear; sent.len()];
    for (item, echo) in items.into_iter().zip(echoes) {
        let Some(echo) = echo else { continue };
        let place = sent.iter().position(|ticket| *ticket == echo)?;
        if verdicts[place] != Verdict::Unclear {
            return None;
        }
        verdicts[place] = verdict(mapping, item);
    }
    Some(verdicts)
}

/// The items of the bulk shape, or the one of the flat shape; `None` when their number is not what was sent.
fn items(sent: usize, body: &Value) -> Option<Vec<&Value>> {
    match body["result"].as_array() {
        Some(items) if items.len() == sent => Some(items.iter().collect()),
        None if sent == 1 => Some(vec![body]),
        _ => None,
    }
}

fn echoed(mapping: &Mapping, item: &Value) -> Option<TicketId> {
    item["data"][mapping.needed(Item::TicketId)].as_str()?.parse().ok()
}

/// An ID means created, whatever the code says.
fn verdict(mapping: &Mapping, item: &Value) -> Verdict {
    if let Some(record_id) = record_id(&item["data"]["ID"]) {
        return Verdict::Created { record_id, warned: !item["error"].is_null() };
    }
    let code = item["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or_default();
    let fields = named(mapping, &item["error"]);
    match classify(code, "") {
        // The ticket's id is neither blank nor malformed: a 3002 about it means that it is taken. The look-up decides.
        Class::Record if code == VALIDATION && fields.contains(&mapping.needed(Item::TicketId)) => {
            Verdict::Duplicate
        }
        // A failed script answers with the same code as a value that does not fit, and scripts run before and after.
        Class::Record if code == SCRIPT_OR_COLUMN => Verdict::Doubtful(reason(code, &fields)),
        Class::Record => Verdict::Refused(reason(code, &fields)),
        Class::Refused(Refusal::Capacity) => Verdict::Full,
        _ => Verdict::Unclear,
    }
}

/// IDs are text in some answers and numbers in others.
pub(super) fn record_id(id: &Value) -> Option<String> {
    let text = id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|number| number.to_string()))?;
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some(text)
}

/// The code, and which of our fields it is about. Zoho's own words quote values.
pub(super) fn reason(code: u16, fields: &[&str]) -> String {
    fields.iter().fold(code.to_string(), |reason, field| reason + " " + field)
}

/// Our fields that an error speaks of. It comes as an object by field, or as a list of texts.
pub(super) fn named<'a>(mapping: &'a Mapping, error: &Value) -> Vec<&'a str> {
    let text = error.to_string();
    mapping.fields().filter(|field| text.contains(field)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ticket(n: u128) -> TicketId {
        TicketId::new(n.into())
    }

    fn created(n: u128) -> Value {
        json!({"code": 3000, "data": {"Ticket_ID": ticket(n).to_string(), "ID": format!("388883300000012131{n}")}})
    }

    fn is_created(verdict: &Verdict, n: u128) -> bool {
        *verdict == Verdict::Created { record_id: format!("388883300000012131{n}"), warned: false }
    }

    fn judge(sent: &[TicketId], body: &Value) -> Option<Vec<Verdict>> {
        super::judge(&Mapping::default(), sent, body)
    }

    fn judge_items(items: &Value) -> Option<Vec<Verdict>> {
        let count = items.as_array().unwrap().len() as u128;
        let sent: Vec<_> = (1..=count).map(ticket).collect();
        judge(&sent, &json!({"code": 3000, "result": items}))
    }

    #[test]
    fn each_record_is_judged_by_itself() {
        let taken = json!({"code": 3002, "error": {"Ticket_ID": "This value already exists."}});
        let bad = json!({"code": 3001, "error": ["Invalid column value for Priority"]});
        let verdicts = judge_items(&json!([created(1), taken, bad, {"code": 3060}])).unwrap();
        assert!(is_created(&verdicts[0], 1));
        assert_eq!(
            verdicts[1..],
            [Verdict::Duplicate, Verdict::Doubtful("3001 Priority".into()), Verdict::Full]
        );
    }

    #[test]
    fn an_id_means_created_even_beside_an_error() {
        let item = json!({"code": 3001, "data": {"ID": 3_888_833_000_000_121_319_u64}, "error": ["script"]});
        let expected = Verdict::Created { record_id: "3888833000000121319".into(), warned: true };
        assert_eq!(judge_items(&json!([item])).unwrap(), [expected]);
    }

    #[test]
    fn errors_are_understood_as_an_object_and_as_a_list() {
        let list = json!({"code": 3002, "error": ["Ticket_ID: Dieser Wert existiert bereits."]});
        let object = json!({"code": 3002, "error": {"Email": "Enter a valid email address"}});
        let verdicts = judge_items(&json!([list, object])).unwrap();
        assert_eq!(verdicts, [Verdict::Duplicate, Verdict::Refused("3002 Email".into())]);
    }

    #[test]
    fn a_reason_never_quotes_what_somebody_wrote() {
        let item = json!({"code": 3001, "error": ["Invalid column value \"ada@example.com\" for Email"]});
        assert_eq!(judge_items(&json!([item])).unwrap(), [Verdict::Doubtful("3001 Email".into())]);
    }

    #[test]
    fn an_answer_of_another_length_decides_nothing() {
        assert_eq!(judge(&[ticket(1), ticket(2)], &json!({"code": 3000, "result": [created(1)]})), None);
        assert_eq!(judge(&[ticket(1), ticket(2)], &json!({"code": 3000, "data": {"ID": "1"}})), None);
    }

    #[test]
    fn one_record_may_be_answered_flat() {
        assert!(is_created(&judge(&[ticket(1)], &created(1)).unwrap()[0], 1));
        let refused = json!({"code": 3002, "error": {"Email": "no"}});
        assert_eq!(judge(&[ticket(1)], &refused).unwrap(), [Verdict::Refused("3002 Email".into())]);
    }

    #[test]
    fn out_of_order_only_echoes_count() {
        let bad = json!({"code": 3001, "error": []});
        let verdicts = judge_items(&json!([created(2), created(1), bad])).unwrap();
        assert!(is_created(&verdicts[0], 1) && is_created(&verdicts[1], 2));
        assert_eq!(verdicts[2], Verdict::Unclear);
    }

    #[test]
    fn an_answer_about_other_tickets_decides_nothing() {
        assert_eq!(judge_items(&json!([created(7), created(2)])), None);
        assert_eq!(judge_items(&json!([created(2), created(2)])), None);
    }

    #[test]
    fn a_code_nobody_knows_stays_open() {
        assert_eq!(
            judge_items(&json!([{"code": 1}, {}, null])).unwrap(),
            [Verdict::Unclear, Verdict::Unclear, Verdict::Unclear]
        );
    }
}
