//! What became of a call, read from status and body. Zoho's texts go no further than this: they quote what people wrote.

use std::time::Duration;

use serde_json::Value;

use super::code::{Class, classify};
use crate::destination::{Refusal, Refused};

/// What became of a call. Its `Debug` is its name: bodies quote tickets.
pub enum Answer {
    /// It ran; the body says what came of it.
    Done(Value),
    /// It ran, and found nothing. Only a look-up gets this.
    NoRows,
    /// There is no record with that ID. Only an update gets this.
    Gone,
    /// Nothing was done.
    Refused(Refused),
    /// Perhaps it ran. The reason is one of ours.
    Unknown(&'static str),
}

impl Answer {
    /// Reads an answer that arrived in full.
    #[must_use]
    pub fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        // A server error is a server error, whatever its body claims.
        if status >= 500 {
            return Self::Unknown("server-error");
        }
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let code = parsed.as_ref().and_then(|body| body["code"].as_u64()).and_then(|n| u16::try_from(n).ok());
        let refused = |why, code| Self::Refused(Refused { why, code, retry_after });
        match (parsed, code) {
            (Some(body), Some(code)) => match classify(code, text(&body)) {
                // Results per record say more than the code around them.
                _ if body["result"].is_array() => Self::Done(body),
                Class::Done | Class::Record => Self::Done(body),
                Class::NoRows => Self::NoRows,
                Class::Gone => Self::Gone,
                Class::Refused(why) => refused(why, code),
                Class::Unknown => Self::Unknown("unknown-code"),
            },
            // The gateway refuses these before anything runs, with or without a body.
            (_, None) if status == 401 => refused(Refusal::Token, 0),
            (_, None) if status == 429 => refused(Refusal::Minute, 0),
            _ => Self::Unknown("not-an-answer"),
        }
    }

    /// For logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::NoRows => "no-rows",
            Self::Gone => "gone",
            Self::Refused(refused) => refused.why.name(),
            Self::Unknown(reason) => reason,
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Refusals come in two envelopes.
fn text(body: &Value) -> &str {
    body["message"].as_str().or_else(|| body["description"].as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(status: u16, body: &str) -> &'static str {
        Answer::read(status, None, body.as_bytes()).name()
    }

    #[test]
    fn the_code_decides_and_not_the_status() {
        assert_eq!(name(200, r#"{"code":4000,"description":"limit"}"#), "daily-limit");
        assert_eq!(name(401, r#"{"code":1030,"description":"invalid"}"#), "token");
        assert_eq!(name(200, r#"{"code":1030,"description":"invalid"}"#), "token");
        assert_eq!(name(429, r#"{"code":2955,"description":"minute"}"#), "minute-limit");
        assert_eq!(name(400, r#"{"code":9280,"message":"No records found"}"#), "no-rows");
        assert_eq!(name(200, r#"{"code":3000,"data":[]}"#), "done");
    }

    #[test]
    fn what_is_no_answer_leaves_everything_open() {
        for body in ["", "<html>Bad gateway</html>", r#"{"code":3000,"result":[{"co"#, "[]", "{}"] {
            assert_eq!(name(200, body), "not-an-answer", "{body}");
            assert_eq!(name(502, body), "server-error", "{body}");
        }
        assert_eq!(name(500, r#"{"code":3002,"message":"no"}"#), "server-error");
        assert_eq!(name(200, r#"{"code":7777,"message":"?"}"#), "unknown-code");
        assert_eq!(name(404, "<html>"), "not-an-answer");
    }

    #[test]
    fn the_gateway_may_refuse_without_a_code() {
        assert_eq!((name(401, ""), name(429, "<html>")), ("token", "minute-limit"));
    }
}
