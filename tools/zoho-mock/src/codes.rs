//! Creator's response codes as data: number, HTTP status, text, envelope, and whether a record was created.
//!
//! From Zoho's v2 and v2.1 status pages and its `OpenAPI` file; texts the pages cut short are worded alike.
//! A number stands twice where Zoho uses it for two things.

use axum::http::StatusCode;
use serde::Serialize;

/// The key that carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// `{"code":N,"message":"…"}`
    Message,
    /// `{"code":N,"description":"…"}`: gateway, authorization and limits
    Description,
}

/// Whether the call that got this code created a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Created {
    /// A record exists.
    Yes,
    /// Nothing was written.
    No,
    /// Only a look-up tells.
    Unknown,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Code {
    /// Zoho's number.
    pub number: u16,
    /// HTTP status in v2.1.
    #[serde(serialize_with = "status_number")]
    pub status: StatusCode,
    /// The text, or its beginning where Zoho adds a name.
    pub text: &'static str,
    /// The key that carries the text.
    pub envelope: Envelope,
    /// Whether a record was created.
    pub created: Created,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $number:literal $status:ident $envelope:ident $created:ident $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code {
            number: $number,
            status: StatusCode::$status,
            text: $text,
            envelope: Envelope::$envelope,
            created: Created::$created,
        };)*

        /// Every row, in the order of the numbers.
        pub const TABLE: &[Code] = &[$($name),*];
    };
}

table! {
    /// The URL has no meaning.
    INVALID_URL = 1000 NOT_FOUND Description No "Invalid API URL format.";
    /// A mandatory parameter is absent.
    PARAMETER_ABSENT = 1000 UNAUTHORIZED Description No "A mandatory parameter is either absent or has been used twice.";
    /// The method does not fit the URL.
    WRONG_METHOD = 1020 METHOD_NOT_ALLOWED Description No "The HTTP method of the request is not valid for this URL.";
    /// The access token is missing, unknown or expired: one answer for all three.
    BAD_TOKEN = 1030 UNAUTHORIZED Description No "Authorization Failure. The access token is either invalid or has expired.";
    /// No such account.
    NO_OWNER = 1040 NOT_FOUND Message No "No account owner named";
    /// The application is not shared with the user.
    NOT_SHARED = 1060 FORBIDDEN Message No "You do not have permission to access this application.";
    /// A parameter the call does not know.
    BAD_PARAMETER = 1060 UNAUTHORIZED Description No "Invalid request parameter found -";
    /// The application is switched off.
    APP_DISABLED = 1080 FORBIDDEN Message No "The application is disabled.";
    /// API access is off for the user's permission set.
    API_OFF = 1130 FORBIDDEN Message No "API permission is disabled for your permission set.";
    /// No such application.
    NO_APP = 2892 NOT_FOUND Message No "No application named";
    /// No such form.
    NO_FORM = 2893 NOT_FOUND Message No "No form named";
    /// No such report.
    NO_REPORT = 2894 NOT_FOUND Message No "No report named";
    /// Deleting is not allowed.
    MAY_NOT_DELETE = 2896 FORBIDDEN Message No "You do not have permission to delete records in this report.";
    /// Updating is not allowed.
    MAY_NOT_UPDATE = 2897 FORBIDDEN Message No "You do not have permission to update records in this report.";
    /// Viewing is not allowed.
    MAY_NOT_VIEW = 2898 FORBIDDEN Message No "You do not have permission to view records in this report.";
    /// Adding is not allowed.
    MAY_NOT_ADD = 2899 FORBIDDEN Message No "You do not have permission to add records in this form.";
    /// Something failed inside Zoho.
    ERROR_OCCURRED = 2930 NOT_FOUND Description Unknown "Error Occurred. Please contact support.";
    /// An `environment` header for an application without environments.
    NO_ENVIRONMENTS = 2930 NOT_FOUND Description No "UPLOAD_RULE_NOT_CONFIGURED";
    /// No permission for the application.
    MAY_NOT_ENTER = 2933 FORBIDDEN Message No "You do not have permission to access this application.";
    /// The token lacks the scope of the call.
    WRONG_SCOPE = 2945 UNAUTHORIZED Description No "The access token does not have the scope required for this request.";
    /// The body's envelope has a key too many.
    EXTRA_KEY = 2945 UNAUTHORIZED Description No "EXTRA_KEY_FOUND_IN_JSON";
    /// Too many calls in a minute, or at once; refused before it ran.
    TOO_MANY_CALLS = 2955 TOO_MANY_REQUESTS Description No "You have reached your API call limit for a minute. Please try again after sometime.";
    /// The form's entry limit.
    ENTRY_LIMIT = 2965 FORBIDDEN Message No "The entry limit of the form has been reached.";
    /// Done.
    SUCCESS = 3000 OK Message Yes "Success";
    /// A column does not take the value, or a script failed.
    BAD_COLUMN_VALUE = 3001 OK Message No "Invalid column value for";
    /// Field validation: mandatory, format, duplicate.
    BAD_FIELD = 3002 OK Message No "Field validation failed";
    /// The body is missing or incomplete.
    BAD_BODY = 3020 BAD_REQUEST Message No "The request body is either missing or incomplete.";
    /// The account's record limit.
    RECORD_LIMIT = 3060 OK Message No "The record limit of the account has been reached. Please upgrade to add more records.";
    /// Validation by script.
    DATA_VALIDATION = 3070 OK Message No "Data validation failure:";
    /// Nothing found, in the words of v2.
    NO_DATA = 3100 NOT_FOUND Message No "No Data Available";
    /// No record with that ID.
    NO_RECORD = 3190 OK Message No "No record with ID";
    /// More than 200 records in one request.
    TOO_MANY_RECORDS = 3950 BAD_REQUEST Message No "A maximum of 200 records can be added per request.";
    /// More than 200 rows match an update or delete.
    TOO_MANY_MATCHES = 3960 OK Message No "A maximum of 200 records can be processed per request. Include the \"process_until_limit\" parameter to process the first 200 records.";
    /// The day's quota is used up: HTTP 200 all the same.
    DAILY_LIMIT = 4000 OK Description No "Account's Developer API limit has been reached. Please upgrade to execute more REST API calls.";
    /// A number has too many digits.
    TOO_MANY_DIGITS = 8011 OK Message No "has exceeded its maximum digits.";
    /// A number that is none.
    NOT_A_NUMBER = 8012 OK Message No "Input format does not match the required format for the field";
    /// `Accept` is not exactly `application/json`.
    BAD_ACCEPT = 9210 BAD_REQUEST Message No "Please enter a valid input for 'accept' header key";
    /// The report is empty.
    EMPTY_REPORT = 9220 BAD_REQUEST Message No "No records exist in this report.";
    /// The criteria match nothing.
    NO_MATCH = 9280 BAD_REQUEST Message No "No records found matching the given criteria.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_row_stands_twice() {
        assert!(TABLE.windows(2).all(|pair| pair[0].number <= pair[1].number));
        for (index, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].contains(row), "{row:?}");
        }
    }

    #[test]
    fn only_success_creates_a_record() {
        assert!(TABLE.iter().all(|row| (row.created == Created::Yes) == (row.number == 3000)));
    }
}
