//! Grant codes: what a consent in the browser, or the console of a self client, gives, and what a refresh token is given
//! for.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{ids::Ids, limits::Window};

/// Life of a code.
const LIFE: TimeDelta = TimeDelta::minutes(2);
/// Codes per client in [`WINDOW`].
const PER_WINDOW: u32 = 10;
const WINDOW: TimeDelta = TimeDelta::minutes(10);

/// One code.
#[derive(Debug, Clone)]
struct Grant {
    code: String,
    expires_at: DateTime<Utc>,
    /// Where the browser was sent; `None` for a self client, which has no such address.
    redirect_uri: Option<String>,
    offline: bool,
}

/// The codes that were given and not yet used.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    open: Vec<Grant>,
    issued: Window,
}

/// What a code is good for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    /// A refresh token too.
    pub(crate) offline: bool,
}

impl Grants {
    /// A new code; `None` when there were too many.
    pub(crate) fn issue(
        &mut self,
        now: DateTime<Utc>,
        redirect_uri: Option<String>,
        offline: bool,
        ids: &mut Ids,
    ) -> Option<String> {
        self.issued.room(now, WINDOW, PER_WINDOW).ok()?;
        self.issued.mark(now);
        let code = ids.next_token();
        self.open.push(Grant { code: code.clone(), expires_at: now + LIFE, redirect_uri, offline });
        Some(code)
    }

    /// Uses up a code. A second try is refused, as is a late one, or one with another address.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        redirect_uri: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Consent, &'static str> {
        let place = self.open.iter().position(|grant| grant.code == code).ok_or("invalid_code")?;
        let grant = self.open.swap_remove(place);
        if grant.expires_at <= now {
            return Err("invalid_code");
        }
        match (grant.redirect_uri.as_deref(), redirect_uri) {
            (Some(known), Some(given)) if known != given => Err("invalid_redirect_uri"),
            (Some(_), None) => Err("invalid_redirect_uri"),
            _ => Ok(Consent { offline: grant.offline }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_code_works_once() {
        let (mut grants, mut ids) = (Grants::default(), Ids::new(1));
        let code = grants.issue(noon(), None, true, &mut ids).unwrap();
        assert_eq!(grants.redeem(&code, None, noon()), Ok(Consent { offline: true }));
        assert_eq!(grants.redeem(&code, None, noon()), Err("invalid_code"));
    }

    #[test]
    fn a_late_code_and_a_foreign_address_are_refused() {
        let (mut grants, mut ids) = (Grants::default(), Ids::new(1));
        let uri = || Some("http://127.0.0.1/callback".to_owned());
        let late = grants.issue(noon(), uri(), true, &mut ids).unwrap();
        let foreign = grants.issue(noon(), uri(), true, &mut ids).unwrap();
        let nowhere = grants.issue(noon(), uri(), true, &mut ids).unwrap();
        assert_eq!(grants.redeem(&late, uri().as_deref(), noon() + LIFE), Err("invalid_code"));
        assert_eq!(grants.redeem(&foreign, Some("http://other"), noon()), Err("invalid_redirect_uri"));
        assert_eq!(grants.redeem(&nowhere, None, noon()), Err("invalid_redirect_uri"));
    }

    #[test]
    fn the_eleventh_code_in_ten_minutes_is_refused() {
        let (mut grants, mut ids) = (Grants::default(), Ids::new(1));
        assert!((0..10).all(|_| grants.issue(noon(), None, true, &mut ids).is_some()));
        assert!(grants.issue(noon(), None, true, &mut ids).is_none());
        assert!(grants.issue(noon() + WINDOW, None, true, &mut ids).is_some());
    }
}
