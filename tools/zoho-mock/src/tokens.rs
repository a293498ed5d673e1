//! Access tokens: who holds a valid one, and how many a refresh token may still draw.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{ids::Ids, limits::Window, settings::TokenRules};

/// Zoho counts access tokens per refresh token in windows of ten minutes.
const WINDOW: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    text: String,
    expires_at: DateTime<Utc>,
}

/// The access tokens of the one refresh token, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tokens {
    active: Vec<Token>,
    issued: Window,
}

/// A new access token, and how many older ones it ended.
pub(crate) struct Issued {
    pub(crate) text: String,
    pub(crate) evicted: u64,
}

impl Tokens {
    /// Issues a token, or says how long the window stays full.
    pub(crate) fn issue(
        &mut self,
        now: DateTime<Utc>,
        rules: &TokenRules,
        ids: &mut Ids,
    ) -> Result<Issued, TimeDelta> {
        self.issued.room(now, WINDOW, rules.per_window)?;
        self.issued.mark(now);
        self.active.retain(|token| token.expires_at > now);
        let text = ids.next_token();
        let expires_at = now + TimeDelta::seconds(rules.seconds.into());
        self.active.push(Token { text: text.clone(), expires_at });
        Ok(Issued { text, evicted: self.evict(rules.active) })
    }

    fn evict(&mut self, max: usize) -> u64 {
        let surplus = if max == 0 { 0 } else { self.active.len().saturating_sub(max) };
        self.active.drain(..surplus).count() as u64
    }

    pub(crate) fn is_valid(&self, text: &str, now: DateTime<Utc>) -> bool {
        self.active.iter().any(|token| token.text == text && token.expires_at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_eleventh_token_in_ten_minutes_is_refused_until_the_first_is_old_enough() {
        let (mut tokens, mut ids, rules) = (Tokens::default(), Ids::new(1), TokenRules::default());
        for _ in 0..10 {
            assert!(tokens.issue(noon(), &rules, &mut ids).is_ok());
        }
        assert!(tokens.issue(noon(), &rules, &mut ids).is_err());
        assert!(tokens.issue(noon() + WINDOW, &rules, &mut ids).is_ok());
    }

    #[test]
    fn the_sixteenth_active_token_ends_the_oldest() {
        let rules = TokenRules { per_window: 0, ..TokenRules::default() };
        let (mut tokens, mut ids) = (Tokens::default(), Ids::new(1));
        let all: Vec<_> = (0..16).filter_map(|_| tokens.issue(noon(), &rules, &mut ids).ok()).collect();
        assert!(!tokens.is_valid(&all[0].text, noon()));
        assert!(tokens.is_valid(&all[1].text, noon()));
        assert_eq!(all[15].evicted, 1);
    }

    #[test]
    fn a_token_ends_after_an_hour() {
        let (mut tokens, mut ids) = (Tokens::default(), Ids::new(1));
        let Ok(token) = tokens.issue(noon(), &TokenRules::default(), &mut ids) else { panic!("refused") };
        assert!(tokens.is_valid(&token.text, noon() + TimeDelta::seconds(3599)));
        assert!(!tokens.is_valid(&token.text, noon() + TimeDelta::seconds(3600)));
    }
}
