use std::time::{Duration, Instant};

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use vitte_local::{LocalError, Redis, RedisOptions};

use crate::world::{Home, alive, working_in};

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url)?.get_multiplexed_async_connection().await
}

#[tokio::test]
async fn it_serves_over_its_socket_and_leaves_nothing() {
    let home = Home::closed();
    let began = Instant::now();
    let server = Redis::start(RedisOptions::new(home.redis())).await.unwrap();
    let started = began.elapsed();
    assert!(server.url().starts_with("redis+unix:///"));
    let mut client = connect(server.url()).await.unwrap();
    let () = client.set("k", "v").await.unwrap();
    let setting = |name: &'static str| redis::cmd("CONFIG").arg("GET").arg(name).to_owned();
    for (name, expected) in
        [("maxmemory", "134217728"), ("maxmemory-policy", "allkeys-lru"), ("save", ""), ("appendonly", "no")]
    {
        let found: Vec<String> = setting(name).query_async(&mut client).await.unwrap();
        assert_eq!(found, [name, expected]);
    }
    let pid = server.pid();
    let began = Instant::now();
    server.stop().await;
    let stopped = began.elapsed();
    assert!(!alive(pid));
    assert_eq!(working_in(&home.path), Vec::<String>::new());
    assert!(stopped < Duration::from_secs(3), "{stopped:?}");
    eprintln!("start {started:?}, stop {stopped:?}");
}

#[tokio::test]
async fn over_tcp_it_asks_for_its_password() {
    let home = Home::closed();
    let mut options = RedisOptions::new(home.redis());
    options.tcp = true;
    let server = Redis::start(options).await.unwrap();
    let (_, place) = server.url().split_once('@').unwrap();
    let mut client = connect(server.url()).await.unwrap();
    let () = client.set("k", "v").await.unwrap();
    let refused = match connect(&format!("redis://{place}")).await {
        Ok(mut stranger) => stranger.get::<_, Option<String>>("k").await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    server.stop().await;
}

#[tokio::test]
async fn killed_it_is_noticed_and_restarts_empty_under_the_same_url() {
    let home = Home::closed();
    let mut server = Redis::start(RedisOptions::new(home.redis())).await.unwrap();
    let url = server.url().to_owned();
    let () = connect(&url).await.unwrap().set("k", "v").await.unwrap();
    server.kill().await.unwrap();
    assert!(!server.died().await.success());
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    let kept: Option<String> = connect(&url).await.unwrap().get("k").await.unwrap();
    assert_eq!(kept, None);
    server.stop().await;
}

#[tokio::test]
async fn a_second_owner_is_refused() {
    let home = Home::closed();
    let first = Redis::start(RedisOptions::new(home.redis())).await.unwrap();
    let refused = Redis::start(RedisOptions::new(home.redis())).await.unwrap_err();
    assert!(matches!(refused, LocalError::Held { .. }), "{refused}");
    first.stop().await;
}
