//! One trace id from the HTTP request to the CRM record: W3C trace context, kept in the metadata of every event that
//! follows from the request.

use axum::http::HeaderMap;
use uuid::Uuid;

/// The caller's trace context, or a new one.
#[must_use]
pub fn of_request(headers: &HeaderMap) -> String {
    headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .filter(|text| is_valid(text))
        .map_or_else(new, str::to_owned)
}

fn new() -> String {
    let (_, span) = Uuid::now_v7().as_u64_pair();
    format!("00-{}-{span:016x}-01", Uuid::now_v7().simple())
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero (W3C Trace Context, section 3.2).
fn is_valid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let non_zero = |part: &str| part.bytes().any(|b| b != b'0');
    *version == "00" && hex(trace, 32) && non_zero(trace) && hex(span, 16) && non_zero(span) && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_kept_and_a_broken_one_replaced() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = |value: &str| {
            HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("traceparent"),
                value.parse().unwrap(),
            )])
        };
        assert_eq!(of_request(&headers(good)), good);
        for broken in [
            "",
            "00-1-2-3",
            &good.to_uppercase(),
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        ] {
            let made = of_request(&headers(broken));
            assert!(is_valid(&made) && made != broken, "{broken} became {made}");
        }
    }
}
