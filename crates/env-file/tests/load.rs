//! A file `.env` as programs meet it: this test binary runs itself in a folder with such a file.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Output};

/// Loads `.env` in `folder` in a process of its own and prints the variables that begin with `T_`.
fn run(folder: &Path, environment: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear().envs(environment.iter().copied()).current_dir(folder);
    let output: Output = command.args(["--ignored", "--exact", "child", "--nocapture"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let mut set = lines(&output.stdout);
    set.retain(|line| line.starts_with("T_"));
    set.sort();
    (set, lines(&output.stderr))
}

#[test]
#[ignore = "the child process that the other tests start: cargo test -p env-file --test load"]
fn child() {
    env_file::load("program");
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("T_")) {
        println!("{name}={value}");
    }
}

#[test]
fn settings_are_read_and_the_environment_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        "\u{feff}T_A=1\r\n# comment\n\nexport T_B='two words'\nT_C=\"3\" # note\nT_D= \nT_E=${T_A}x\nT_SET=file\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let (set, warnings) = run(folder.path(), &[("T_SET", "environment")]);
    assert_eq!(set, ["T_A=1", "T_B=two words", "T_C=3", "T_D=", "T_E=1x", "T_SET=environment"]);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn foreign_lines_are_named_by_file_and_line_and_do_not_stop_the_rest() {
    let foreign: &[&[u8]] = &[
        b"APP_NAME=My App",
        b"A='secret",
        b"A=\"secret",
        b"word",
        b"my-name=1",
        b"1X=2",
        b"=x",
        b"MOTD=Don't panic",
        b"P=$5 a day",
        b"B=\xff",
        b"C=\0",
        b"{\"json\": 1}",
        b"[section]",
        b"key: value",
    ];
    for line in foreign {
        let folder = tempfile::tempdir().unwrap();
        let file = [b"T_BEFORE=1\n", *line, b"\nT_AFTER=1\n"].concat();
        std::fs::write(folder.path().join(".env"), file).unwrap();
        let (set, warnings) = run(folder.path(), &[]);
        let shown = String::from_utf8_lossy(line);
        assert_eq!(set, ["T_AFTER=1", "T_BEFORE=1"], "{shown}");
        let path = folder.path().canonicalize().unwrap().join(".env");
        assert_eq!(warnings.len(), 1, "{shown}: {warnings:?}");
        assert!(warnings[0].starts_with(&format!("program: warning: {}:2: ", path.display())), "{warnings:?}");
        assert!(!warnings[0].contains("secret") && !warnings[0].contains("My App"), "{warnings:?}");
    }
}

#[test]
fn many_foreign_lines_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "no setting\n".repeat(100)).unwrap();
    let (_, warnings) = run(folder.path(), &[]);
    assert_eq!(warnings.len(), 6);
    assert!(warnings[5].ends_with("95 more such lines"), "{warnings:?}");
}

#[test]
fn only_the_working_directory_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "T_PARENT=1\nnot a setting\n").unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    assert_eq!(run(&below, &[]), (Vec::new(), Vec::new()));
}

#[test]
fn a_folder_in_its_place_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    let (_, warnings) = run(folder.path(), &[]);
    assert!(warnings.len() == 1 && warnings[0].contains(".env: "), "{warnings:?}");
}
