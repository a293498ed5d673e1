//! What a requester may hand in. Parsed once at the edge: whoever holds a [`Submission`] holds a valid one.

use std::fmt;

use email_address::EmailAddress;

/// What a field may hold, in characters (not bytes).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=100;
const DESCRIPTION_CHARS: std::ops::RangeInclusive<usize> = 20..=2000;
/// RFC 5321, section 4.5.3.1.3: a path holds 256 octets, two of them its angle brackets.
const EMAIL_BYTES: usize = 254;

/// A valid ticket as the requester wrote it, in clear text: it never reaches the log like this.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// Full name, trimmed.
    pub name: String,
    /// E-mail address, trimmed.
    pub email: String,
    /// One of the configured request types.
    pub request_type: String,
    /// The text, trimmed.
    pub description: String,
}

/// A value that may not be handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which field, by its name on the wire.
    pub field: &'static str,
    /// What it must be, in words a requester understands. Never quotes the value.
    pub problem: String,
}

impl Submission {
    /// Checks every field and names every problem at once.
    ///
    /// # Errors
    /// All the violations, in the order of the fields.
    pub fn parse(
        name: &str,
        email: &str,
        request_type: &str,
        description: &str,
        request_types: &[String],
    ) -> Result<Self, Vec<Violation>> {
        let (name, email, description) = (name.trim(), email.trim(), description.trim());
        let violations: Vec<_> = [
            length("name", name, &NAME_CHARS),
            address("email", email),
            one_of("requestType", request_type, request_types),
            length("description", description, &DESCRIPTION_CHARS),
            no_nul("name", name),
            no_nul("description", description),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !violations.is_empty() {
            return Err(violations);
        }
        Ok(Self {
            name: name.to_owned(),
            email: email.to_owned(),
            request_type: request_type.to_owned(),
            description: description.to_owned(),
        })
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("request_type", &self.request_type).finish_non_exhaustive()
    }
}

fn length(field: &'static str, value: &str, allowed: &std::ops::RangeInclusive<usize>) -> Option<Violation> {
    let chars = value.chars().count();
    (!allowed.contains(&chars)).then(|| Violation {
        field,
        problem: format!("must have {} to {} characters, has {chars}", allowed.start(), allowed.end()),
    })
}

fn address(field: &'static str, value: &str) -> Option<Violation> {
    // Dotless domains, display names and `[1.2.3.4]` are valid RFC 5322 and wrong on a web form.
    let options =
        email_address::Options::default().with_required_tld().without_display_text().without_domain_literal();
    let valid = value.len() <= EMAIL_BYTES && EmailAddress::parse_with_options(value, options).is_ok();
    (!valid).then(|| Violation {
        field,
        problem: "must be an e-mail address such as name@example.com".to_owned(),
    })
}

fn one_of(field: &'static str, value: &str, allowed: &[String]) -> Option<Violation> {
    let known = allowed.iter().any(|label| label == value);
    (!known).then(|| Violation { field, problem: format!("must be one of {}", allowed.join(", ")) })
}

/// Postgres text, and many a CRM, ends at a NUL.
fn no_nul(field: &'static str, value: &str) -> Option<Violation> {
    value.contains('\0').then(|| Violation { field, problem: "must not contain NUL characters".to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn types() -> Vec<String> {
        ["Network", "General"].map(String::from).to_vec()
    }

    fn fields_refused(name: &str, email: &str, request_type: &str, description: &str) -> Vec<&'static str> {
        Submission::parse(name, email, request_type, description, &types())
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|violation| violation.field)
            .collect()
    }

    const TEXT: &str = "The VPN drops every ten minutes.";

    #[test]
    fn a_complete_submission_is_accepted_and_trimmed() {
        let accepted = Submission::parse(" Ada L ", " ada@example.com ", "Network", TEXT, &types()).unwrap();
        assert_eq!((accepted.name.as_str(), accepted.email.as_str()), ("Ada L", "ada@example.com"));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        assert_eq!(
            fields_refused("A", "nobody", "Plumbing", "short"),
            ["name", "email", "requestType", "description"]
        );
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(fields_refused("Øß", "a@example.com", "General", &"ü".repeat(2000)).is_empty());
        assert_eq!(fields_refused("Øß", "a@example.com", "General", &"ü".repeat(2001)), ["description"]);
        assert_eq!(fields_refused("Øß", "a@example.com", "General", &"ü".repeat(19)), ["description"]);
    }

    #[test]
    fn blanks_do_not_fill_a_field() {
        assert_eq!(
            fields_refused("   ", "a@example.com", "General", &" ".repeat(40)),
            ["name", "description"]
        );
    }

    #[test]
    fn addresses_no_form_means_are_refused() {
        for email in [
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "Ada <ada@example.com>",
            "a b@example.com",
            "a@[192.0.2.1]",
        ] {
            assert_eq!(fields_refused("Ada", email, "General", TEXT), ["email"], "{email}");
        }
    }

    #[test]
    fn a_debug_print_shows_no_personal_data() {
        let submission =
            Submission::parse("Ada Lovelace", "ada@example.com", "General", TEXT, &types()).unwrap();
        let printed = format!("{submission:?}");
        assert!(
            !printed.contains("Ada") && !printed.contains("example.com") && !printed.contains("VPN"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_either_accepted_or_explained(name: String, email: String, kind: String, text: String) {
            match Submission::parse(&name, &email, &kind, &text, &types()) {
                Ok(accepted) => prop_assert!(NAME_CHARS.contains(&accepted.name.chars().count())),
                Err(violations) => prop_assert!(!violations.is_empty()),
            }
        }
    }
}
