//! What machines name: addresses, hosts, error codes, telephone numbers.

use std::{net::IpAddr, sync::LazyLock};

use regex::Regex;

use super::{candidate::Candidate, pattern};

/// A rule: its pattern, its label and its confidence. The entity is the first group, else the whole match.
struct Rule(Regex, &'static str, f32);

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |text: &str, label, confidence| Rule(pattern(text), label, confidence);
    vec![
        rule(r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b", "EMAIL", 0.99),
        rule(r#"(?i)\bhttps?://[^\s<>"'()]*[^\s<>"'().,;:!?]"#, "URL", 0.98),
        rule(r"(?i)\bwww\.[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[^\s<>()]*[^\s<>().,;:!?])?", "URL", 0.97),
        rule(
            r"(?i)\b(?:site|website|page|open|visit|browse to|go to|url)\s+(?:called\s+)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|example|io|eu|de|info|test)(?:/[^\s<>()]*[^\s<>().,;:!?])?)\b",
            "URL",
            0.9,
        ),
        // Hosts: full names, then dashed names with a digit or a telling first or last part, then kind and number.
        rule(
            r"(?i)\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.){2,}(?:com|org|net|example|local|lan|internal|intern|corp|io|eu|de|test|invalid)\b",
            "HOST",
            0.85,
        ),
        rule(
            r"(?i)\b[a-z][a-z0-9-]*\d[a-z0-9-]*\.(?:local|lan|internal|intern|corp|example)\b",
            "HOST",
            0.85,
        ),
        rule(r"\b([A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*[-_][A-Za-z]*\d+[A-Za-z]?)\b", "HOST", 0.8),
        rule(
            r"(?i)\b((?:srv|sw|fw|ap|vm|pc|ws|wks|nas|db|web|app|lb|gw|rtr|prn|print|ups|esx|node|host|ca|idp|dc|k8s|aks|eks|gke|rds|stg|bak|erp|sql)(?:-[a-z0-9]+)+)\b",
            "HOST",
            0.85,
        ),
        rule(
            r"(?i)\b((?:srv|fs|dc|sql|nas|esxi?|vm|web|app|db|fw|gw|mx|dns|ns|rtr|hv|node)[a-z]{0,6}\d{1,4})\b",
            "HOST",
            0.7,
        ),
        // Telephone numbers.
        rule(r"(\+\d{1,3}[ \d()/.-]{6,18}\d)\b", "PHONE", 0.97),
        rule(r"(\(0?\d{2,4}\) ?\d{3,4}[ -]?\d{3,4})\b", "PHONE", 0.95),
        rule(r"\b(0\d{2,5}[ /-]\d{3,8}(?:[ -]\d{2,6})*)\b", "PHONE", 0.92),
        rule(r"\b(\d{3}-\d{3}-\d{4}|555-\d{4})\b", "PHONE", 0.9),
        rule(
            r"(?i)\b(?:ext|extension|durchwahl|internal|phone|tel|call me (?:on|at)|reach me (?:on|at)|dial)[.:]?\s*(?:is\s+|no\.?\s+|number\s+)?(\d{2,5})\b",
            "PHONE",
            0.9,
        ),
        // Error codes.
        rule(r"\b(0x[0-9A-Fa-f]{2,})\b", "ERROR_CODE", 0.97),
        rule(
            r"(?i)\b(?:error|err|fault|fehler|stop|exit|status|return|response|message|http)(?:\s+(?:code|number|no\.?|message|status))?(?:\s+(?:is|was|says|of))?[\s:=#]*[\x22'(\[]*([A-Z]{0,4}-?\d{1,6}(?:[.-]\d+)*)\b",
            "ERROR_CODE",
            0.9,
        ),
        rule(r"(?i)\bcode[\s:=#]*[\x22'(\[]*([A-Z]{0,3}-?\d{2,6}(?:[.-]\d+)*)\b", "ERROR_CODE", 0.86),
        rule(
            r"\b((?:[A-Z]+::)?(?:ERR|SEC_ERROR|SSL_ERROR|DNS_PROBE|MOZILLA)_[A-Z0-9_]+)\b",
            "ERROR_CODE",
            0.97,
        ),
        rule(
            r"\b(NET::[A-Z_]+|E(?:CONN|TIMED|NOENT|NOSPC|ACCES|PERM|HOST|NET|ADDR|PIPE|IO)[A-Z]*|NXDOMAIN|SERVFAIL|AADSTS\d+|ORA-\d{4,5}|SQLSTATE ?\w{5}|KERNEL_[A-Z_]+|[A-Z]{3,}(?:_[A-Z]+)+)\b",
            "ERROR_CODE",
            0.9,
        ),
        rule(
            r"\b((?:[A-Z][a-z]+|OOM|SSL|DNS|TLS|IO){1,6}(?:Error|Exception|Denied|BackOff|Exceeded|Failed|Failure|NotFound|Timeout|Invalid|Expired|Throttled|Throttling|Refused|Killed|Unauthorized|Forbidden|Unavailable|Required|Pressure|NotReady))\b",
            "ERROR_CODE",
            0.92,
        ),
        rule(
            r"\b((?:55\d|45\d|421|554) [45]\.\d\.\d{1,3}|[45]\.\d\.\d{1,3}(?: bounce| NDR))\b",
            "ERROR_CODE",
            0.88,
        ),
        rule(
            r"(?i)\b(?:an?|with|of|gives?|gets?|got|returns?|returned|answers?|only|shows?|the|many|throws?|then|and|or)\s+(4(?:0[0-9]|1[0-8]|2[269])|50[0-4])s?\b(?:\s|[.,;:!?)]|$)",
            "ERROR_CODE",
            0.85,
        ),
        rule(r"\((4(?:0[0-9]|22|29)|50[0-4])\)", "ERROR_CODE", 0.85),
        rule(r"\b([A-Z]{2,3}-\d{3,4})\b", "ERROR_CODE", 0.6),
        rule(
            r"\b(4(?:0[0-9]|22|29)|50[0-4])\s+(?:Bad|Not|Internal|Service|Gateway|Forbidden|Unauthorized|Too|errors?)\b",
            "ERROR_CODE",
            0.92,
        ),
    ]
});

static ADDRESSES: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        pattern(r"\b(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?\b"),
        pattern(r"(?i)(?:[0-9a-f]{1,4}:){1,7}(?::|[0-9a-f]{1,4})(?::?[0-9a-f]{1,4})*(?:/\d{1,3})?"),
    ]
});

/// A letter or three and a number: a reference or an error code, hardly a host.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[A-Z]{1,3}-\d{3,}$"));

static SPEAKS_OF_ERRORS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:errors?|fail\w*|messages?|says|fault|warning|aborts?|crash\w*)\b"));

/// First parts of names that look like hosts and are numbers of documents, parts or standards.
const NO_HOSTS: [&str; 34] = [
    "inc", "inv", "ord", "po", "req", "cve", "rma", "tkt", "ticket", "order", "kb", "iso", "din", "covid",
    "rj", "cat", "usb", "wpa", "sha", "aes", "rsa", "utf", "a", "x", "hl", "hr", "type", "col", "ref", "re",
    "fy", "nr", "case", "eu",
];

/// Finds them all.
pub(super) fn find(text: &str) -> Vec<Candidate> {
    let matches = RULES.iter().flat_map(|Rule(pattern, label, confidence)| {
        let own = pattern.captures_iter(text).filter_map(|captures| captures.get(1).or(captures.get(0)));
        own.map(|found| Candidate::new(found.range(), label, *confidence))
    });
    let mut found: Vec<_> = matches.filter(|candidate| is_plausible(text, candidate)).collect();
    found.extend(addresses(text));
    found
}

fn is_plausible(text: &str, candidate: &Candidate) -> bool {
    let own = &text[candidate.start..candidate.end];
    match candidate.label {
        "HOST" => is_host(own) && !text[candidate.end..].starts_with(['@', '/']),
        // A file name is no error code.
        "ERROR_CODE" if candidate.confidence < 0.7 => SPEAKS_OF_ERRORS.is_match(text),
        "ERROR_CODE" => {
            !text[candidate.end..].starts_with(".t") && !is_followed_by_unit(&text[candidate.end..])
        }
        _ => true,
    }
}

fn is_host(name: &str) -> bool {
    let first = name.split(['-', '_', '.']).next().unwrap_or_default().to_lowercase();
    let is_region = name.split('-').count() == 3
        && ["eu", "us", "ap", "sa", "ca", "me", "af"].contains(&first.as_str())
        && ["central", "east", "west", "north", "south", "northeast", "southeast", "northwest"]
            .iter()
            .any(|part| name.contains(part));
    let is_listed = NO_HOSTS.contains(&first.as_str());
    let is_model = name.chars().next().is_some_and(char::is_uppercase)
        && name.chars().any(char::is_lowercase)
        && name.matches('-').count() == 1;
    !is_region && !is_listed && !is_model && !REFERENCE.is_match(name)
}

/// "error 5 minutes later" names no code.
fn is_followed_by_unit(rest: &str) -> bool {
    let next = rest.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    matches!(next, "minutes" | "hours" | "days" | "times" | "seconds" | "people" | "users" | "weeks")
}

fn addresses(text: &str) -> Vec<Candidate> {
    let found = ADDRESSES.iter().flat_map(|pattern| pattern.find_iter(text));
    let parse = |own: &str| own.split('/').next().unwrap_or_default().parse::<IpAddr>().is_ok();
    found.filter(|own| parse(own.as_str())).map(|own| Candidate::new(own.range(), "IP", 0.99)).collect()
}
