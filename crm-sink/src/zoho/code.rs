//! Creator's response codes as data. The code decides, not the HTTP status: one generation of the API answers refusals
//! with 200, the other with 4xx (zoho.com/creator/help/api/v2.1/status-codes.html, and the v2 page).

use crate::destination::Refusal;

/// What a code means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The call ran; each record has a result of its own.
    Done,
    /// A look-up found nothing. Only these codes say so: any other is no answer to the question.
    NoRows,
    /// There is no record with that ID.
    Gone,
    /// One record was not created because of what is in it.
    Record,
    /// Nothing was done, for a reason that is not the ticket's.
    Refused(Refusal),
    /// Perhaps something was done.
    Unknown,
}

const CAPACITY: Class = Class::Refused(Refusal::Capacity);
const CONFIG: Class = Class::Refused(Refusal::Config);
const DEFECT: Class = Class::Refused(Refusal::Defect);

/// Every code that is published or was seen. What is not here is unknown.
const TABLE: &[(u16, Class)] = &[
    (1000, CONFIG),                          // invalid URL, or a mandatory parameter is absent
    (1020, DEFECT),                          // wrong method
    (1030, Class::Refused(Refusal::Token)),  // token invalid, expired or absent
    (1040, CONFIG),                          // no such owner
    (1060, CONFIG),                          // application not shared, or an invalid parameter
    (1080, CONFIG),                          // application disabled
    (1130, CONFIG),                          // API permission is off
    (2892, CONFIG),                          // no such application
    (2893, CONFIG),                          // no such form
    (2894, CONFIG),                          // no such report
    (2896, CONFIG),                          // no permission to delete
    (2897, CONFIG),                          // no permission to update
    (2898, CONFIG),                          // no permission to view
    (2899, CONFIG),                          // no permission to add
    (2933, CONFIG),                          // no permission for the application
    (2945, CONFIG),                          // wrong scope, or a key too many in the envelope
    (2955, Class::Refused(Refusal::Minute)), // calls per minute
    (2965, CAPACITY),                        // entry limit of the form
    (3000, Class::Done),                     // success
    (3001, Class::Record),                   // a column does not take the value, or a script failed
    (3002, Class::Record),                   // field validation: mandatory, format, duplicate
    (3020, DEFECT),                          // body missing or incomplete
    (3060, CAPACITY),                        // record limit of the account
    (3070, Class::Record),                   // validation by a script
    (3100, Class::NoRows),                   // no data, in the words of v2
    (3190, Class::Gone),                     // no record with that ID
    (3950, DEFECT),                          // more than 200 records
    (4000, Class::Refused(Refusal::Day)),    // daily limit; comes with HTTP 200
    (8011, Class::Record),                   // too many digits
    (8012, Class::Record),                   // no number
    (9210, DEFECT),                          // accept header
    (9220, Class::NoRows),                   // the report is empty
    (9280, Class::NoRows),                   // nothing matches the criteria
];

/// The class of a code. Three codes mean two things each, told apart by the text.
#[must_use]
pub fn classify(code: u16, text: &str) -> Class {
    match code {
        1000 if text.contains("IAM") => Class::Refused(Refusal::Passing),
        2945 if text.contains("EXTRA_KEY") => DEFECT,
        2930 if text.contains("UPLOAD_RULE_NOT_CONFIGURED") => CONFIG,
        _ => TABLE.iter().find(|(known, _)| *known == code).map_or(Class::Unknown, |(_, class)| *class),
    }
}

#[cfg(test)]
mod tests {
    use zoho_mock::codes::{self, Created};

    use super::*;

    #[test]
    fn no_code_that_may_have_created_a_record_counts_as_refused() {
        for code in codes::TABLE {
            let class = classify(code.number, code.text);
            match code.created {
                Created::Yes => assert_eq!(class, Class::Done),
                Created::Unknown => assert_eq!(class, Class::Unknown, "{code:?}"),
                Created::No => assert!(!matches!(class, Class::Done), "{code:?}"),
            }
        }
    }

    /// Every code of the published pages, and of those who saw more, with what follows from it.
    #[test]
    fn every_code_has_its_consequence() {
        let refused = Class::Refused;
        for (codes, class) in [
            (&[3000][..], Class::Done),
            (&[3001, 3002, 3070, 8011, 8012], Class::Record),
            (&[9280, 9220, 3100], Class::NoRows),
            (&[3190], Class::Gone),
            (&[3020, 3950, 9210, 1020], DEFECT),
            (&[3060, 2965], CAPACITY),
            (&[1030], refused(Refusal::Token)),
            (&[2955], refused(Refusal::Minute)),
            (&[4000], refused(Refusal::Day)),
            (&[1000, 1040, 1060, 1080, 1130, 2892, 2893, 2894, 2896, 2897, 2898, 2899, 2933, 2945], CONFIG),
            (&[2930, 0, 1, 9999], Class::Unknown),
        ] {
            for code in codes {
                assert_eq!(classify(*code, ""), class, "{code}");
            }
        }
    }

    #[test]
    fn limits_and_dead_tokens_never_look_like_nothing_found() {
        for code in [1030, 2955, 4000, 2930, 2894, 2898, 0, 9999] {
            assert_ne!(classify(code, ""), Class::NoRows, "{code}");
        }
    }

    #[test]
    fn a_code_with_two_meanings_is_told_apart_by_its_text() {
        assert_eq!(classify(2930, "Error Occurred. Please contact support."), Class::Unknown);
        assert_eq!(classify(2930, "UPLOAD_RULE_NOT_CONFIGURED"), CONFIG);
        assert_eq!(classify(2945, "EXTRA_KEY_FOUND_IN_JSON"), DEFECT);
        assert_eq!(classify(2945, "INVALID_OAUTHSCOPE"), CONFIG);
        assert_eq!(classify(1000, "IAM Error"), Class::Refused(Refusal::Passing));
        assert_eq!(classify(1000, "Invalid API URL format."), CONFIG);
    }

    #[test]
    fn the_table_is_sorted_and_no_code_stands_twice() {
        assert!(TABLE.is_sorted_by(|(left, _), (right, _)| left < right));
    }
}
