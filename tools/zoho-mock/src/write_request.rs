//! The body that Add and Update share: `{"data", "result", "skip_workflow"}`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{codes, envelope::Refusal, form::Form, store::Record};

/// A parsed body.
pub(crate) struct WriteRequest {
    pub(crate) data: Value,
    pub(crate) echo: Echo,
}

/// What the answer repeats of each record, and whether it adds the success text.
#[derive(Deserialize)]
#[serde(default)]
pub(crate) struct Echo {
    fields: Vec<String>,
    message: bool,
}

impl Default for Echo {
    fn default() -> Self {
        Self { fields: vec![], message: true }
    }
}

impl WriteRequest {
    /// Parameters belong in the body: any in the query is refused, `skip_workflow` among them.
    pub(crate) fn parse(query: &[(String, String)], body: &[u8]) -> Result<Self, Refusal> {
        if let Some((name, _)) = query.first() {
            return Err(Refusal::about(codes::BAD_PARAMETER, name));
        }
        Self::of(object(body)?)
    }

    /// From the keys of a body.
    pub(crate) fn of(mut body: Map<String, Value>) -> Result<Self, Refusal> {
        let bad_body = || Refusal::new(codes::BAD_BODY);
        if body.keys().any(|key| !matches!(key.as_str(), "data" | "result" | "skip_workflow")) {
            return Err(Refusal::new(codes::EXTRA_KEY));
        }
        let data = body.remove("data").ok_or_else(bad_body)?;
        let echo = body.remove("result").map(serde_json::from_value).transpose().map_err(|_| bad_body())?;
        Ok(Self { data, echo: echo.unwrap_or_default() })
    }
}

/// A body that is a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::new(codes::BAD_BODY))
}

impl Echo {
    /// `data` of the answer: the asked-for fields that the form knows, and the ID.
    pub(crate) fn data(&self, form: &Form, record: &Record, id: Value) -> Value {
        let known = self.fields.iter().filter(|name| form.field(name).is_some());
        let mut data: Map<_, _> = known
            .map(|name| (name.clone(), record.fields.get(name).cloned().unwrap_or_else(|| "".into())))
            .collect();
        data.insert("ID".into(), id);
        data.into()
    }

    /// `{"code":3000, "data":…}` with the success text where it is wanted.
    pub(crate) fn item(&self, data: &Value, text: &str) -> Value {
        let mut item = serde_json::json!({"code": codes::SUCCESS.number, "data": data});
        if self.message {
            item["message"] = text.into();
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_too_many_in_the_envelope_is_refused() {
        assert!(WriteRequest::parse(&[], br#"{"data":{},"datas":{}}"#).is_err());
        assert!(WriteRequest::parse(&[], br#"{"data":{},"skip_workflow":["all"]}"#).is_ok());
    }

    #[test]
    fn skip_workflow_in_the_query_is_refused() {
        let query = [("skip_workflow".to_owned(), "all".to_owned())];
        assert!(WriteRequest::parse(&query, br#"{"data":{}}"#).is_err());
    }
}
