//! What PostgreSQL sends, as far as it is looked at.

use super::WireError;
use super::frame::Reader;

/// The fields of a DataRow.
pub fn data_row(body: &[u8]) -> Result<Vec<Option<&[u8]>>, WireError> {
    let mut reader = Reader::new(body);
    let count = reader.count()?;
    let fields = (0..count).map(|_| reader.value()).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(fields)
}

/// The fields of an ErrorResponse or NoticeResponse: code and text.
pub fn fields(body: &[u8]) -> Vec<(u8, &str)> {
    let mut reader = Reader::new(body);
    let mut out = Vec::new();
    while let Ok(code) = reader.byte() {
        if code == 0 {
            break;
        }
        let Ok(text) = reader.cstring() else { break };
        out.push((code, text));
    }
    out
}

/// The tag of a CommandComplete, and the row count at its end.
pub fn tag(body: &[u8]) -> (&str, u64) {
    let text = std::str::from_utf8(body.strip_suffix(b"\0").unwrap_or(body)).unwrap_or_default();
    (text, text.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0))
}
