use std::time::Duration;

use vitte_platform::cache::{Cache, Kind};
use vitte_platform::redis::Redis;
use vitte_tests::database::redis_url;

/// Breaks when who has loaded stores it whatever happened meanwhile: the old value would be everybody's for minutes.
#[tokio::test]
async fn what_one_process_forgets_while_another_loads_it_is_read_anew_by_all() {
    let bot = i64::from(uuid::Uuid::new_v4().as_fields().0);
    let kind = Kind { name: "user", ttl: Duration::from_secs(300) };
    let process = || Cache::<String>::new(bot, kind, Some(Redis::new(&redis_url()).unwrap()));
    let (reader, writer, third) = (process(), process(), process());
    let load = async |cache: &Cache<String>, value: &str| {
        let value = value.to_owned();
        cache.get(7, async move { Ok::<_, ()>(value) }).await.unwrap().to_string()
    };
    let old = async {
        // It has read the row; the change and its commit come now.
        writer.forget(7).await;
        Ok::<_, ()>("old".to_owned())
    };
    assert_eq!(*reader.get(7, old).await.unwrap(), "old");
    assert_eq!(load(&third, "new").await, "new");
    let other = async |cache: &Cache<String>, value: &str| {
        let value = value.to_owned();
        cache.get(8, async move { Ok::<_, ()>(value) }).await.unwrap().to_string()
    };
    assert_eq!(other(&reader, "shared").await, "shared");
    assert_eq!(other(&writer, "not asked for").await, "shared", "what nobody forgot is in Redis");
}
