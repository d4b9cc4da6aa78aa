//! Server-sent events (the "event stream" format of the WHATWG), as far as this program needs them.

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerEvent {
    /// The last id seen so far; a stream that broke off is resumed behind it.
    pub(super) id: Option<String>,
    /// Kind of event.
    pub(super) name: String,
    /// Its data, lines joined by `\n`.
    pub(super) data: String,
}

/// The most bytes of an event; the rest of a longer one is dropped.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Reads events from a stream of bytes that may be cut anywhere.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    /// Bytes of a line that is not complete.
    rest: Vec<u8>,
    next: ServerEvent,
    has_data: bool,
}

impl EventReader {
    /// Takes more bytes; returns the events that are complete now.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<ServerEvent> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\n', '\r'])));
        }
        if self.rest.len() > MAX_EVENT_BYTES {
            self.rest.clear();
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<ServerEvent> {
        if line.is_empty() {
            let event = ServerEvent { id: self.next.id.clone(), ..std::mem::take(&mut self.next) };
            self.next.id.clone_from(&event.id);
            // An event without data is dropped, as comments are: they only keep the connection open.
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.next.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.next.name),
            "data" if self.next.data.len() + value.len() < MAX_EVENT_BYTES => {
                if self.has_data {
                    self.next.data.push('\n');
                }
                self.next.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 1-0\nevent: state\ndata: {\"a\":1}\n\nretry: 100\ndata: x\r\ndata:y\r\n\r\nid: 9\n\ndata: é\n\n";

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut() {
        let whole = EventReader::default().read(STREAM.as_bytes());
        let seen: Vec<_> = whole.iter().map(|e| (e.id.as_deref(), e.name.as_str(), e.data.as_str())).collect();
        assert_eq!(seen, [(Some("1-0"), "state", "{\"a\":1}"), (Some("1-0"), "", "x\ny"), (Some("9"), "", "é")]);
        for size in 1..STREAM.len() {
            let mut reader = EventReader::default();
            let cut: Vec<_> = STREAM.as_bytes().chunks(size).flat_map(|piece| reader.read(piece)).collect();
            assert_eq!(cut, whole, "pieces of {size}");
        }
    }
}
