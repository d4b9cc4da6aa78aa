//! Bounds on texts that may come from a client.

/// A text of at most `max` characters and a mark that something is left out.
pub fn clip(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, max, clipped) in [("", 0, ""), ("ab", 2, "ab"), ("abc", 2, "ab…"), ("äöü", 1, "ä…"), ("a", 0, "…")]
        {
            assert_eq!(clip(text.to_owned(), max), clipped);
        }
    }
}
