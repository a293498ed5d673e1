//! The short form of a rule, for flags and variables: `FAULT[:CALL+CALL][@SECONDS]=WHEN[xBURST]`, where WHEN is a chance
//! (`0.05`), `every:20` or `at:3+7`.

use std::{fmt, str::FromStr};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Rule;

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotARule(String);

impl fmt::Display for NotARule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; a fault looks like commit_then_close:add=0.05 or minute_limit=every:20x3", self.0)
    }
}

impl std::error::Error for NotARule {}

impl FromStr for Rule {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        let (what, when) = text.split_once('=').ok_or_else(|| NotARule(format!("{text} lacks a =")))?;
        let (what, seconds) = split(what, '@');
        let (fault, calls) = split(what, ':');
        let mut rule = Self::new(word(fault, "fault")?);
        rule.seconds = seconds.map(number).transpose()?;
        let calls =
            calls.map_or(Ok(vec![]), |calls| calls.split('+').map(|call| word(call, "call")).collect());
        rule.on = calls?;
        let (when, burst) = split(when, 'x');
        rule.burst = burst.map_or(Ok(1), number)?;
        match when.split_once(':') {
            Some(("every", n)) => rule.every = Some(number(n)?),
            Some(("at", calls)) => rule.at = calls.split('+').map(number).collect::<Result<_, _>>()?,
            Some((word, _)) => return Err(NotARule(format!("{word} is neither every nor at"))),
            None => rule.chance = Some(number(when)?),
        }
        Ok(rule)
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn word<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, NotARule> {
    let parsed = serde_json::from_value(Value::String(text.trim().to_owned()));
    parsed.map_err(|_| NotARule(format!("there is no {what} {text}")))
}

fn number<T: FromStr>(text: &str) -> Result<T, NotARule> {
    text.trim().parse().map_err(|_| NotARule(format!("{text} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counters::CallKind, faults::Fault};

    #[test]
    fn rules_have_a_short_form() {
        for (text, rule) in [
            ("commit_then_close=0.05", Rule::chance(Fault::CommitThenClose, 0.05)),
            (
                "late:add+update@90=every:20",
                Rule::every(Fault::Late, 20).on([CallKind::Add, CallKind::Update]).seconds(90.0),
            ),
            ("minute_limit=at:3+7x4", Rule::at(Fault::MinuteLimit, [3, 7]).burst(4)),
        ] {
            assert_eq!(text.parse(), Ok(rule), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, why) in [
            ("late", "lacks a ="),
            ("gremlin=1", "no fault gremlin"),
            ("late:ad=1", "no call ad"),
            ("late=often", "often is no number"),
            ("late=each:2", "neither every nor at"),
            ("late=every:x3", " is no number"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
