//! Stores that are full or cannot be read: each has a code of its own, and none is an internal error.

use http_api::Problem;

#[test]
fn a_store_without_room_has_a_code_of_its_own() {
    let redis = |code: &'static str| {
        redis::RedisError::from((redis::ErrorKind::Server(redis::ServerErrorKind::ResponseError), code))
    };
    let disk = || Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull));
    for (problem, code) in [
        (Problem::from(queue::Error::Memory(redis("OOM"))), "queue_memory_full"),
        (Problem::from(blobs::Error::Full(disk())), "storage_full"),
    ] {
        assert_eq!((problem.kind().code, problem.kind().status, problem.kind().retryable), (code, 503, true));
        assert!(!problem.detail().to_lowercase().contains("redis"), "{}", problem.detail());
    }
}
