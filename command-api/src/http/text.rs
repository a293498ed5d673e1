//! Texts in the description of the API: trimmed before they are counted, without NUL, so that a schema's length alone
//! would say too little.

use schemars::{Schema, json_schema};
use ticket::{amendment, labels};

/// What is trimmed: Unicode's white space, as a class of a regular expression.
const BLANKS: &str = r"\t\n\x0b\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// A text of `least` to `most` characters after trimming.
fn trimmed(least: usize, most: usize, forbidden: &str) -> Schema {
    let (edge, inner) = (format!("[^{BLANKS}{forbidden}]"), format!("[^{forbidden}]"));
    let longer = format!("{edge}{inner}{{{},{}}}{edge}", least.saturating_sub(2), most - 2);
    let text = if least == 1 { format!("({edge}|{longer})") } else { longer };
    json_schema!({ "type": "string", "pattern": format!("^[{BLANKS}]*{text}[{BLANKS}]*$") })
}

pub(super) fn name(_: &mut schemars::SchemaGenerator) -> Schema {
    trimmed(2, 100, r"\x00")
}

pub(super) fn description(_: &mut schemars::SchemaGenerator) -> Schema {
    trimmed(20, 2000, r"\x00")
}

/// What people write on a ticket.
pub(super) fn words(_: &mut schemars::SchemaGenerator) -> Schema {
    trimmed(1, 2000, r"\x00")
}

pub(super) fn assignee(_: &mut schemars::SchemaGenerator) -> Schema {
    trimmed(1, 100, r"\x00-\x1f\x7f-\x9f")
}

/// The addresses people have; rarer ones that the standard allows are taken too.
pub(super) fn email(_: &mut schemars::SchemaGenerator) -> Schema {
    let part = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
    let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
    let pattern = format!(r"^{part}(\.{part}){{0,2}}@({label}\.){{1,4}}[A-Za-z]{{2,20}}$");
    json_schema!({ "type": "string", "maxLength": 254, "pattern": pattern })
}

/// The default set; a team may configure another.
pub(super) fn request_type(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Network", "Security", "Cloud", "Hardware", "General"] })
}

/// Base64 of a sound file. The pattern shows Ogg; WAV, MP3, FLAC, M4A, AAC, AIFF and WebM are taken too.
pub(super) fn audio(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "contentEncoding": "base64",
        "pattern": "^T2dnU[w-z0-9+/][A-Za-z0-9+/]{2}([A-Za-z0-9+/]{4})*$",
    })
}

/// A signature in any form; its hash is kept.
pub(super) fn signature(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "minLength": 1 })
}

/// What of an analysis can be corrected.
pub(super) fn correctable(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": amendment::field_names() })
}

/// What a text can name.
pub(super) fn entity_label(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": labels::ENTITIES })
}
