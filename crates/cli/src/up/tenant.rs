//! The first tenant of a data directory: the user of `up`.

use super::data::Data;
use super::redis::PREFIX;
use crate::Error;
use crate::session::write_private;
use access::{Defaults, Mode, NewTenant, Registry, Retire, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use std::fs;

/// Its name.
const NAME: &str = "local";

/// The API key of the data directory, and whether it is new. If the file with the key is lost, a new key is made; the old
/// one stays valid.
pub(super) async fn api_key(data: &Data, redis_url: &str) -> Result<(String, bool), Error> {
    let registry = Registry::connect(redis_url, PREFIX, &data.master_key()?, Defaults::default()).await?;
    let file = data.path("api-key");
    if let Ok(key) = fs::read_to_string(&file)
        && registry.find_by_key(key.trim()).await?.verify_bearer().is_ok()
    {
        return Ok((key.trim().to_owned(), false));
    }
    // The user of `up` owns the machine and needs no limits.
    let new = NewTenant { tier: Tier::Unlimited, ..NewTenant::new(NAME, Class::User) };
    let issued = match registry.add(new, Mode::Live, None).await {
        Err(access::Error::NameTaken(_)) => {
            let tenant = registry.show(NAME).await?.tenant.id;
            registry.issue(&tenant, Mode::Live, Retire::None, None).await?
        }
        added => added?,
    };
    let key = issued.api_key.expose_secret();
    write_private(&file, format!("{key}\n").as_bytes())?;
    Ok((key.to_owned(), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::RedisServer;

    #[tokio::test]
    async fn the_key_stays_the_same_and_a_lost_one_is_replaced() {
        let (folder, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
        let data = Data::open(folder.path()).unwrap();
        let (first, new) = api_key(&data, &redis.url()).await.unwrap();
        assert!(new);
        assert_eq!(api_key(&data, &redis.url()).await.unwrap(), (first.clone(), false));
        fs::remove_file(data.path("api-key")).unwrap();
        let (second, new) = api_key(&data, &redis.url()).await.unwrap();
        assert!(new && second != first);
        let master = data.master_key().unwrap();
        let registry = Registry::connect(&redis.url(), PREFIX, &master, Defaults::default()).await.unwrap();
        for key in [first, second] {
            let caller = registry.find_by_key(&key).await.unwrap().verify_bearer().unwrap();
            assert_eq!((caller.tenant.name.as_str(), caller.tenant.tier), (NAME, Tier::Unlimited));
        }
    }
}
