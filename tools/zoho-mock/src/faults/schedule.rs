//! Which call a fault befalls next. A pure function of the plan, its seed and the calls so far.

use chrono::TimeDelta;
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};

use super::{Fault, Plan, Rule};
use crate::counters::CallKind;

/// Spreads neighbouring seeds far apart (the golden ratio in 64 bits).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A fault that befalls a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) fault: Fault,
    pub(crate) lasts: TimeDelta,
    /// Chance for whatever else the fault leaves open.
    pub(crate) roll: u64,
}

/// A plan under way.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    plan: Plan,
    seed: u64,
    rules: Vec<Progress>,
}

/// How far a rule is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Calls that the rule is about.
    calls: u64,
    /// How many of the next ones an earlier hit takes.
    burst: u32,
}

impl Schedule {
    /// Begins the plan; `seed` where it names none.
    pub(crate) fn new(plan: Plan, seed: u64) -> Self {
        let (seed, rules) = (plan.seed.unwrap_or(seed), vec![Progress::default(); plan.rules.len()]);
        Self { plan, seed, rules }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What befalls the next call of that kind. Every rule counts it, also those that come too late.
    pub(crate) fn next(&mut self, call: CallKind) -> Option<Hit> {
        let mut hit = None;
        for (number, (rule, progress)) in self.plan.rules.iter().zip(&mut self.rules).enumerate() {
            if !rule.is_about(call) {
                continue;
            }
            progress.calls += 1;
            let mut chance = chance(self.seed, number as u64, progress.calls);
            let wanted = progress.wants(rule, chance.next_u64());
            if wanted && hit.is_none() {
                progress.burst = progress.burst.checked_sub(1).unwrap_or(rule.burst - 1);
                let lasts = TimeDelta::milliseconds((rule.lasts() * 1000.0) as i64);
                hit = Some(Hit { fault: rule.fault, lasts, roll: chance.next_u64() });
            }
        }
        hit
    }
}

impl Progress {
    fn wants(&self, rule: &Rule, roll: u64) -> bool {
        let share = roll as f64 / u64::MAX as f64;
        self.burst > 0
            || rule.chance.is_some_and(|chance| share < chance)
            || rule.every.is_some_and(|every| self.calls.is_multiple_of(every))
            || rule.at.contains(&self.calls)
    }
}

fn chance(seed: u64, rule: u64, call: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(SPREAD) ^ (rule << 48) ^ call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(plan: &Plan, calls: usize) -> Vec<Option<Fault>> {
        let mut schedule = Schedule::new(plan.clone(), 1);
        (0..calls).map(|_| schedule.next(CallKind::Add).map(|hit| hit.fault)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_and_another_seed_others() {
        let plan = |seed| Plan::new(seed, [Rule::chance(Fault::Late, 0.3), Rule::chance(Fault::Delay, 0.3)]);
        assert_eq!(hits(&plan(7), 200), hits(&plan(7), 200));
        assert_ne!(hits(&plan(7), 200), hits(&plan(8), 200));
        assert_ne!(hits(&plan(7), 200)[1..], hits(&plan(8), 200)[..199]);
    }

    #[test]
    fn chance_keeps_its_share() {
        let plan = Plan::new(3, [Rule::chance(Fault::Late, 0.2)]);
        let hit = hits(&plan, 10_000).into_iter().flatten().count();
        assert!((1900..2100).contains(&hit), "{hit}");
        assert_eq!(
            hits(&Plan::new(3, [Rule::chance(Fault::Late, 0.0)]), 1000).into_iter().flatten().count(),
            0
        );
        assert_eq!(
            hits(&Plan::new(3, [Rule::chance(Fault::Late, 1.0)]), 1000).into_iter().flatten().count(),
            1000
        );
    }

    #[test]
    fn calls_are_counted_and_bursts_take_the_next_ones() {
        let places = |rule| {
            let hits = hits(&Plan::new(1, [rule]), 10);
            (1..).zip(hits).filter_map(|(n, hit)| hit.map(|_| n)).collect::<Vec<u32>>()
        };
        assert_eq!(places(Rule::every(Fault::Late, 4)), [4, 8]);
        assert_eq!(places(Rule::at(Fault::Late, [1, 9])), [1, 9]);
        assert_eq!(places(Rule::at(Fault::DailyLimit, [2]).burst(3)), [2, 3, 4]);
    }

    #[test]
    fn the_first_rule_gets_the_call() {
        let plan = Plan::new(1, [Rule::every(Fault::Late, 2), Rule::every(Fault::Delay, 1)]);
        assert_eq!(hits(&plan, 2), [Some(Fault::Delay), Some(Fault::Late)]);
    }
}
