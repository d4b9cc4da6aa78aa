//! Wrong command lines, missing things, refusals: one line, and an exit code of its own.

use super::*;

/// Answers like a Redis of another version: it reads its configuration, listens on its socket, and knows two commands.
const OLD_REDIS: &str = r#"#!/usr/bin/env python3
import os, re, socket, sys
path = re.search(r'unixsocket "(.*)"', sys.stdin.read()).group(1)
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    connection, _ = listener.accept()
    command = connection.recv(64)
    connection.sendall(b"+PONG\r\n" if command == b"PING\r\n" else b"$30\r\n# Server\r\nredis_version:6.2.14\r\n\r\n")
    connection.close()
"#;

#[test]
fn a_missing_program_or_a_taken_port_is_reported_in_one_line() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let run = |more: &[&str]| line(&place.up_command(more).output().unwrap());
    let (code, text) = run(&["--listen", &taken]);
    let expected = format!("orfeas: {taken} is already in use; choose another address with --listen\n");
    assert_eq!((code, text), (Some(3), expected));
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", "no-such-redis"]);
    assert!(code == Some(3) && text.contains("no-such-redis"), "{text}");
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", "/bin/false"]);
    assert!(code == Some(3) && text.contains("redis did not come up (exit status: 1; see "), "{text}");
    let old = place.path("old-redis");
    fs::write(&old, OLD_REDIS).unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", old.to_str().unwrap()]);
    assert!(code == Some(3) && text.contains("is Redis 6.2.14, which is too old: 7.0 or later is needed"), "{text}");
    let agents = place.orfeas(&["agents", "list", "--redis-server"]).arg(&old).output().unwrap();
    let (code, text) = line(&agents);
    assert!(code == Some(3) && text.contains("is Redis 6.2.14, which is too old"), "{text}");
    for wrong in
        [&["--listen", "localhost"][..], &["--listen", "localhost:x"], &["--device", "gpu"], &["--device", "mps"]]
    {
        let output = place.orfeas(&["up"]).args(wrong).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains(wrong[1]), "{text}");
    }

    let (code, text) = line(&place.orfeas(&["up", "--listen", "127.0.0.1:0", "--model", "no/model"]).output().unwrap());
    assert!(code == Some(3) && text.contains("no/model"), "{text}");
    fs::create_dir(place.path("empty")).unwrap();
    let (code, text) = line(&place.orfeas(&["up", "--listen", "127.0.0.1:0", "--model", "empty"]).output().unwrap());
    assert!(
        code == Some(3) && text.contains("worker-1 did not come up (exit status: 3: ") && text.contains("empty"),
        "{text}"
    );
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let (code, text) = line(&place.orfeas(&["up", "--listen", "localhost:0", "--model", tiny]).output().unwrap());
    assert!(code == Some(3) && text.contains("there are models in ") && text.contains("orfeas-tiny"), "{text}");

    let alone = place.path("orfeas");
    fs::copy(env!("CARGO_BIN_EXE_orfeas"), &alone).unwrap();
    let (code, text) = line(&Command::new(&alone).arg("up").current_dir(place.folder.path()).output().unwrap());
    assert!(code == Some(3) && text.contains("orfeas-gateway is missing"), "{text}");
}

#[test]
fn settings_may_stand_in_a_file() {
    let place = Place::new();
    fs::write(place.path(".env"), "ORFEAS_URL=http://127.0.0.1:1\nORFEAS_API_KEY=orf_live_x\n").unwrap();
    let (code, text) = line(&place.generate(&["cup.png"]));
    assert!(code == Some(3) && text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
    // A line of another program's file is a warning.
    fs::write(place.path(".env"), "this is: no setting, secret\nORFEAS_URL=http://127.0.0.1:1\nORFEAS_API_KEY=x\n")
        .unwrap();
    let output = place.generate(&["cup.png"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && text.contains(".env:1: ") && !text.contains("secret"), "{text}");
    assert!(text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
}

#[tokio::test]
async fn refusals_and_failures_have_their_own_exit_codes() {
    let place = Place::new();
    let (_up, session) = place.up(&[]).await;
    let run = |arguments: &[&str]| {
        let output = place.generate(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    fs::write(place.path("note.png"), "not a picture").unwrap();
    RgbaImage::from_pixel(64, 64, Rgba([0; 4])).save(place.path("empty.png")).unwrap();

    let (code, text) = run(&["cup.png", "--steps", "0"]);
    assert!(code == Some(2) && text.contains("must be a whole number from 1 to 200"), "{text}");
    let (code, text) = run(&["cup.png", "--seed", "-1"]);
    assert!(
        code == Some(2) && text.contains("must be a whole number from 0 to ") && !text.contains("'-- -1'"),
        "{text}"
    );
    let (code, text) = run(&["."]);
    assert!(code == Some(2) && text.contains(". is a folder"), "{text}");
    let (code, text) = run(&["nowhere.png"]);
    assert!(code == Some(2) && text.contains("nowhere.png"), "{text}");
    let (code, text) = run(&["cup.png", "--url", "http://127.0.0.1:1", "--api-key", "x"]);
    assert!(code == Some(3) && text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
    let (code, text) = run(&["note.png"]);
    assert_eq!(code, Some(5), "{text}");
    let (code, text) = run(&["cup.png", "--url", &session.gateway_url, "--api-key", "orf_live_wrong"]);
    assert!(code == Some(5) && text.contains("API key"), "{text}");
    let (code, text) = run(&["empty.png"]);
    assert!(matches!(code, Some(4 | 5)) && !text.is_empty(), "{code:?} {text}");
}
