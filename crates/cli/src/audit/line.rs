//! A record as one line of text.

use access::audit::Record;
use std::time::{Duration, UNIX_EPOCH};

/// Time, outcome, operation, tenant, key, address, request id and reason. A tenant that was only claimed has a question
/// mark; unknown fields are dashes.
pub(super) fn of(record: &Record) -> String {
    // Times beyond the year 9999 cannot be formatted; a corrupt record must not cause a panic.
    let at = UNIX_EPOCH + Duration::from_millis(record.at_ms.min(MOST_MS));
    let at = humantime::format_rfc3339_millis(at);
    let mut who = text(record.tenant.as_deref()).to_owned();
    if !record.proven && record.tenant.is_some() {
        who.push('?');
    }
    let (outcome, operation) = (record.outcome, text(record.operation.as_deref()));
    let (key, ip) = (text(record.key_id.as_deref()), text(record.ip.as_deref()));
    let (request, reason) = (text(Some(&record.request_id)), &record.reason);
    let line = format!("{at} {outcome:7} {operation:8} {who:25} {key:24} {ip:15} {request} {reason}");
    // Clients choose request ids, which could hold control sequences for the terminal.
    line.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The last moment of the year 9999.
const MOST_MS: u64 = 253_402_300_799_999;

fn text(value: Option<&str>) -> &str {
    value.filter(|value| !value.is_empty()).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::audit::Outcome;

    #[test]
    fn a_line_has_all_fields_of_a_record() {
        let mut record = Record {
            at_ms: 1_700_000_000_123,
            proven: true,
            tenant: Some("agt_01234567890123456789".to_owned()),
            key_id: Some("key_01234567890123456789".to_owned()),
            operation: Some("generate".to_owned()),
            outcome: Outcome::Refused,
            reason: "too_fast".to_owned(),
            ip: Some("192.0.2.7".to_owned()),
            request_id: "r-1".to_owned(),
        };
        assert_eq!(
            of(&record),
            "2023-11-14T22:13:20.123Z refused generate agt_01234567890123456789  key_01234567890123456789 \
             192.0.2.7       r-1 too_fast"
        );
        (record.proven, record.operation, record.outcome) = (false, None, Outcome::Allowed);
        record.reason = String::new();
        record.request_id = "\u{1b}[2Jgone".to_owned();
        record.at_ms = u64::MAX;
        let line = of(&record);
        assert!(line.contains(" allowed -        agt_01234567890123456789? "), "{line}");
        assert!(line.ends_with("\u{fffd}[2Jgone"), "{line}");
    }
}
