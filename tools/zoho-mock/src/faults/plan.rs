//! Which faults befall which calls, as data: JSON in a file or over HTTP, or the short form of [`super::text`].

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::{counters::CallKind, settings::FaultSettings};

/// Longest time a rule may ask for, in seconds: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

/// One fault and when it befalls a call: by chance, every so many calls, or at certain ones. Of several rules that want
/// the same call the first gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// The kinds of calls; empty for all that the fault can befall (of Creator, when it could also be the token's).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<CallKind>,
    /// Share of the calls, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Every so many calls: the n-th, the 2n-th …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// These calls, counted from 1 since the plan was set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<u64>,
    /// How many calls in a row a hit takes.
    #[serde(default = "one")]
    pub burst: u32,
    /// For faults that last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

const fn one() -> u32 {
    1
}

impl Rule {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, on: vec![], chance: None, every: None, at: vec![], burst: 1, seconds: None }
    }

    /// Befalls a share of the calls.
    #[must_use]
    pub fn chance(fault: Fault, chance: f64) -> Self {
        Self { chance: Some(chance), ..Self::new(fault) }
    }

    /// Befalls every `n`-th call.
    #[must_use]
    pub fn every(fault: Fault, n: u64) -> Self {
        Self { every: Some(n), ..Self::new(fault) }
    }

    /// Befalls these calls, counted from 1.
    #[must_use]
    pub fn at(fault: Fault, calls: impl Into<Vec<u64>>) -> Self {
        Self { at: calls.into(), ..Self::new(fault) }
    }

    /// Befalls calls of these kinds only.
    #[must_use]
    pub fn on(self, calls: impl Into<Vec<CallKind>>) -> Self {
        Self { on: calls.into(), ..self }
    }

    /// Lasts so long.
    #[must_use]
    pub fn seconds(self, seconds: f64) -> Self {
        Self { seconds: Some(seconds), ..self }
    }

    /// Takes so many calls in a row.
    #[must_use]
    pub fn burst(self, calls: u32) -> Self {
        Self { burst: calls, ..self }
    }

    pub(crate) fn is_about(&self, call: CallKind) -> bool {
        if self.on.is_empty() { self.fault.befalls_unasked(call) } else { self.on.contains(&call) }
    }

    pub(crate) fn lasts(&self) -> f64 {
        self.seconds.unwrap_or_else(|| self.fault.usual_seconds())
    }

    fn check(&self) -> Result<(), PlanError> {
        let wrong = |why: &str| Err(PlanError::Rule { fault: self.fault, why: why.to_owned() });
        if let Some(call) = self.on.iter().find(|call| !self.fault.can_befall(**call)) {
            return wrong(&format!("it cannot befall {call:?}"));
        }
        if self.chance.is_none() && self.every.is_none() && self.at.is_empty() {
            return wrong("one of chance, every, at must say when");
        }
        if self.chance.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return wrong("chance is a number from 0 to 1");
        }
        if self.every == Some(0) || self.at.contains(&0) || self.burst == 0 {
            return wrong("calls are counted from 1");
        }
        if self.seconds.is_some_and(|seconds| !(0.0..=LONGEST).contains(&seconds)) {
            return wrong("seconds must be between 0 and a year");
        }
        Ok(())
    }
}

/// The rules in the order they are asked, and the seed that chance follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The same seed and the same calls give the same faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The faults.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// The text is no plan.
    #[error("is no plan of faults: {0}")]
    Parse(#[from] serde_json::Error),
    /// A rule makes no sense.
    #[error("rule of {fault:?}: {why}")]
    Rule {
        /// Of which fault.
        fault: Fault,
        /// What is wrong with it.
        why: String,
    },
}

impl Plan {
    /// Rules that follow a seed.
    #[must_use]
    pub fn new(seed: u64, rules: impl Into<Vec<Rule>>) -> Self {
        Self { seed: Some(seed), rules: rules.into() }
    }

    /// Parses and checks a plan in JSON.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, PlanError> {
        serde_json::from_slice::<Self>(json)?.checked()
    }

    /// The file's rules, then those of the flags.
    pub(crate) fn of(settings: &FaultSettings) -> Result<Self, PlanError> {
        let mut plan = match settings.file.as_deref() {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        plan.seed = settings.seed.or(plan.seed);
        plan.rules.extend(settings.rules.iter().cloned());
        plan.checked()
    }

    fn read(path: &Path) -> Result<Self, PlanError> {
        Self::from_json(&fs::read(path)?)
    }

    pub(crate) fn checked(self) -> Result<Self, PlanError> {
        self.rules.iter().try_for_each(Rule::check)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Plan::from_json(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_plan_says_when_and_nothing_it_does_not_know() {
        let plan = br#"{"seed":7,"rules":[{"fault":"late","on":["add"],"chance":0.1,"seconds":60},{"fault":"daily_limit","at":[3],"burst":2}]}"#;
        let expected = [
            Rule::chance(Fault::Late, 0.1).on([CallKind::Add]).seconds(60.0),
            Rule::at(Fault::DailyLimit, [3]).burst(2),
        ];
        assert_eq!(Plan::from_json(plan).unwrap(), Plan::new(7, expected));
        assert!(refused(r#"{"rules":[{"fault":"late"}]}"#).contains("must say when"));
        assert!(refused(r#"{"rules":[{"fault":"late","chance":2}]}"#).contains("0 to 1"));
        assert!(refused(r#"{"rules":[{"fault":"late","every":0}]}"#).contains("from 1"));
        assert!(refused(r#"{"rules":[{"fault":"late","every":1,"seconds":-1}]}"#).contains("seconds"));
        assert!(refused(r#"{"rules":[{"fault":"half_batch","on":["get"],"every":1}]}"#).contains("Get"));
        assert!(refused(r#"{"rules":[{"fault":"gremlin","every":1}]}"#).contains("no plan"));
        assert!(refused(r#"{"rule":[]}"#).contains("no plan"));
    }

    #[test]
    fn a_rule_without_calls_leaves_the_token_endpoint_alone_unless_it_is_about_it() {
        assert!(!Rule::every(Fault::CloseBefore, 1).is_about(CallKind::Token));
        assert!(Rule::every(Fault::CloseBefore, 1).on([CallKind::Token]).is_about(CallKind::Token));
        assert!(Rule::every(Fault::InvalidCode, 1).is_about(CallKind::Token));
        assert!(!Rule::every(Fault::Late, 1).is_about(CallKind::Get));
    }
}
