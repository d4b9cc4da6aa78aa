//! The shell commands of a page of the documentation.

use std::path::Path;

/// A fenced block of shell commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Why it is only checked and not run, from a comment `<!-- not run: REASON -->` before it.
    pub not_run: Option<String>,
    /// Its text.
    pub text: String,
}

impl Block {
    /// Its commands: lines joined after backslashes, split at `&&`, without comments and parentheses.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        let lines = joined.lines().map(without_comment).collect::<Vec<_>>();
        let commands = lines.iter().flat_map(|line| line.split("&&"));
        let commands = commands.map(|command| command.trim().trim_matches(['(', ')']).trim().to_owned());
        commands.filter(|command| !command.is_empty()).collect()
    }
}

/// The line up to a `#` that begins a word.
fn without_comment(line: &str) -> &str {
    let starts = line.match_indices('#').map(|(at, _)| at);
    let is_comment = |&at: &usize| at == 0 || line[..at].ends_with([' ', '\t']);
    let end = starts.into_iter().find(is_comment).unwrap_or(line.len());
    &line[..end]
}

/// The blocks of a page in `sh`. Named scripts in `bash` are programs, which have tests of their own.
///
/// # Panics
/// When a block without a language looks like shell commands.
pub fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let (mut note, mut fence) = (None, None::<(String, Block)>);
    for (number, line) in (1..).zip(text.lines()) {
        match (&mut fence, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let block = Block { line: number, not_run: note.take(), text: String::new() };
                fence = Some((language.trim().to_owned(), block));
            }
            (None, None) => {
                let reason = line.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
                note = reason.map(str::to_owned).or(note.filter(|_| line.is_empty()));
            }
            (Some((language, block)), Some("")) => {
                let first = block.text.split_whitespace().next().unwrap_or_default();
                let is_command = ["curl", "cargo", "orfeas", "docker", "git"].contains(&first);
                assert!(!language.is_empty() || !is_command, "{}:{}: name its language", path.display(), block.line);
                if language == "sh" {
                    blocks.push(block.clone());
                }
                fence = None;
            }
            (Some((_, block)), _) => block.text += &format!("{line}\n"),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_their_commands_are_found() {
        let page = "x\n\n```sh\na b   # c\n\nd \\\n  e && (f 'g#h')\n```\n<!-- not run: network -->\n\n```sh\ni\n```\n```\n{}\n```\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), page).unwrap();
        let blocks = blocks(file.path());
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].commands(), ["a b", "d    e", "f 'g#h'"]);
        assert_eq!((blocks[0].line, blocks[0].not_run.as_deref()), (3, None));
        assert_eq!((blocks[1].commands(), blocks[1].not_run.as_deref()), (vec!["i".to_owned()], Some("network")));
    }
}
